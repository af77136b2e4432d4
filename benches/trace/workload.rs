//! The trace: which key is asked for, in which order, and how large its answer is.
//!
//! Readers ask by Zipf's law. Between their requests a crawler asks for pages that nobody asks for
//! again. Half way all keys change their places, so that what was popular no longer is. All of it
//! follows from one seed.

/// Readers' keys.
pub const KEYS: u32 = 200_000;
/// The exponent of Zipf's law.
const SKEW: f64 = 0.9;
/// The median of the sizes in bytes.
const MEDIAN: f64 = 8.0 * 1024.0;
/// The standard deviation of the sizes' natural logarithm; their mean comes to 25 KiB.
const SPREAD: f64 = 1.5;
/// The smallest size in bytes.
const SMALLEST: f64 = 64.0;
/// The largest size in bytes.
pub const LARGEST: u32 = 4 << 20;
/// The crawler's share of the requests.
const CRAWLED: f64 = 0.15;

/// Requests by key, and the size of each key's answer.
pub struct Trace {
    pub requests: Vec<u32>,
    pub sizes: Vec<u32>,
}

impl Trace {
    /// The trace of `count` requests that follows from `seed`.
    pub fn new(count: usize, seed: u64) -> Self {
        let mut random = Random(seed);
        let popularity = Popularity::new();
        let mut keys: Vec<u32> = (0..KEYS).collect();
        random.shuffle(&mut keys);
        let mut requests = Vec::with_capacity(count);
        let mut crawled = KEYS;
        for at in 0..count {
            if at == count / 2 {
                random.shuffle(&mut keys);
            }
            if random.unit() < CRAWLED {
                requests.push(crawled);
                crawled += 1;
            } else {
                requests.push(keys[popularity.rank(random.unit())]);
            }
        }
        let sizes = (0..crawled).map(|_| size(&mut random)).collect();
        Self { requests, sizes }
    }

    /// The size of `key`'s answer in bytes.
    pub fn size(&self, key: u32) -> u64 {
        u64::from(self.sizes[key as usize])
    }

    /// The bytes of a readers' key, on average.
    pub fn mean_size(&self) -> u64 {
        let readers = &self.sizes[..KEYS as usize];
        readers.iter().map(|size| u64::from(*size)).sum::<u64>() / u64::from(KEYS)
    }
}

fn size(random: &mut Random) -> u32 {
    let drawn = MEDIAN * (SPREAD * random.normal()).exp();
    drawn.clamp(SMALLEST, f64::from(LARGEST)) as u32
}

/// Zipf's law, summed up.
struct Popularity(Vec<f64>);

impl Popularity {
    fn new() -> Self {
        let mut sum = 0.0;
        let upto = (1..=KEYS).map(|rank| {
            sum += f64::from(rank).powf(-SKEW);
            sum
        });
        Self(upto.collect())
    }

    /// The rank that `drawn`, which is at least 0 and below 1, falls upon.
    fn rank(&self, drawn: f64) -> usize {
        let last = self.0.len() - 1;
        let place = drawn * self.0[last];
        self.0.partition_point(|upto| *upto <= place).min(last)
    }
}

/// SplitMix64: small, seeded, and the same everywhere.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// At least 0 and below 1.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Normally distributed around 0 with a deviation of 1 (Box and Muller).
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    fn shuffle(&mut self, keys: &mut [u32]) {
        for last in (1..keys.len()).rev() {
            keys.swap(last, (self.next() % (last as u64 + 1)) as usize);
        }
    }
}

/// The finaliser of SplitMix64.
pub fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
