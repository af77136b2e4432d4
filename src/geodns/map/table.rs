//! What answers each address of a family: the leaves of the smallest binary tree, in order. Appended in
//! ascending order, cut by overrides as they come, and finished once; equal neighbours that make up a
//! network merge at once. So the leaf of an address is the widest network all of which has one answer, which
//! is the scope that RFC 7871 §7.2.1 asks for.

/// The number of an answer.
pub type Answer = u16;

/// No answer: what lies there is never looked up, and merges with nothing else.
pub const BARRIER: Answer = Answer::MAX;

/// A stretch of addresses, left-aligned in 128 bits, both ends within.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The first address.
    pub first: u128,
    /// The last.
    pub last: u128,
    /// What answers them.
    pub answer: Answer,
}

/// A finished table. Addresses have as many upper bits as `T` has.
#[derive(Debug)]
pub struct Table<T> {
    /// Where the leaves begin for each value of the upper 16 bits, and how many leaves there are.
    top: Box<[u32]>,
    starts: Box<[T]>,
    leaves: Box<[Leaf]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Leaf {
    answer: Answer,
    length: u8,
}

impl<T: Copy + Ord> Table<T> {
    /// What answers `address`, of which `top` are the upper 16 bits, and how long the prefix is that has the
    /// same answer.
    pub fn find(&self, address: T, top: u16) -> (Answer, u8) {
        let bound = |at: usize| self.top.get(at).copied().unwrap_or_default();
        let index = |at: u32| usize::try_from(at).unwrap_or(usize::MAX);
        let (from, to) = (index(bound(top.into())), index(bound(usize::from(top) + 1)));
        let within = self.starts.get(from..to).unwrap_or_default();
        // The leaf may begin before these.
        let at = (from + within.partition_point(|start| *start <= address)).saturating_sub(1);
        self.leaves.get(at).map_or((BARRIER, 0), |leaf| (leaf.answer, leaf.length))
    }

    /// How many leaves it has.
    pub fn len(&self) -> usize {
        self.leaves.len()
    }

    /// Whether it has none, which no finished one has.
    pub fn is_empty(&self) -> bool {
        self.leaves.is_empty()
    }

    /// The bytes that it takes.
    pub fn bytes(&self) -> usize {
        size_of_val(&*self.top) + size_of_val(&*self.starts) + size_of_val(&*self.leaves)
    }
}

/// A table in the making.
#[derive(Debug)]
pub struct Builder {
    /// Bits of an address.
    width: u8,
    default: Answer,
    /// In ascending order, apart from each other.
    overrides: Vec<Stretch>,
    /// The first of them that does not lie wholly behind.
    at: usize,
    /// The first address that is not appended; `None` behind the last one.
    next: Option<u128>,
    leaves: Vec<(u128, Leaf)>,
}

impl Builder {
    /// An empty one of addresses of `width` bits, which `default` answers where nothing else is said, and
    /// `overrides`, apart from each other and in ascending order, whatever else is said.
    pub fn new(width: u8, default: Answer, overrides: Vec<Stretch>) -> Self {
        Self { width, default, overrides, at: 0, next: Some(0), leaves: Vec::new() }
    }

    /// Says what answers a stretch behind all that were appended before; whether it lies there.
    #[must_use]
    pub fn append(&mut self, stretch: Stretch) -> bool {
        let Stretch { first, last, .. } = stretch;
        let Some(next) = self.next.filter(|next| *next <= first && first <= last) else {
            return false;
        };
        if next < first {
            self.cut(Stretch { first: next, last: first - 1, answer: self.default });
        }
        self.cut(stretch);
        self.next = last.checked_add(1);
        true
    }

    /// Appends what overrides leave of a stretch, and these.
    fn cut(&mut self, stretch: Stretch) {
        let Stretch { mut first, last, answer } = stretch;
        loop {
            while self.overrides.get(self.at).is_some_and(|over| over.last < first) {
                self.at += 1;
            }
            let over = self.overrides.get(self.at).filter(|over| over.first <= last);
            let (end, answer) = match over {
                None => (last, answer),
                Some(over) if over.first <= first => (over.last.min(last), over.answer),
                Some(over) => (over.first - 1, answer),
            };
            self.lay(first, end, answer);
            if end >= last {
                return;
            }
            first = end + 1;
        }
    }

    /// Appends a stretch as networks.
    fn lay(&mut self, mut first: u128, last: u128, answer: Answer) {
        loop {
            // The largest network that begins here and does not end behind the stretch.
            let aligned = first.trailing_zeros().min(127);
            let room = (last - first).checked_add(1).map_or(128, u128::ilog2);
            let bits = if first == 0 && room == 128 { 128 } else { aligned.min(room) };
            let length = u8::try_from(128 - bits).unwrap_or(128).min(self.width);
            self.push(first, Leaf { answer, length });
            let size_less_one = if bits == 128 { u128::MAX } else { (1 << bits) - 1 };
            let end = first + size_less_one;
            if end >= last {
                return;
            }
            first = end + 1;
        }
    }

    fn push(&mut self, first: u128, leaf: Leaf) {
        let (mut first, mut leaf) = (first, leaf);
        while let Some((before, other)) = self.leaves.last().copied() {
            let is_right = leaf.length > 0 && first >> (128 - u32::from(leaf.length)) & 1 == 1;
            if !is_right || other != leaf {
                break;
            }
            self.leaves.pop();
            (first, leaf.length) = (before, leaf.length - 1);
        }
        self.leaves.push((first, leaf));
    }

    /// The finished table; `narrow` gives the bits of an address that are kept.
    pub fn finish<T>(mut self, narrow: impl Fn(u128) -> T) -> Table<T> {
        if let Some(next) = self.next {
            self.cut(Stretch { first: next, last: u128::MAX, answer: self.default });
        }
        let number = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let top_of = |first: u128| usize::try_from(first >> 112).unwrap_or(usize::MAX);
        let begin = |top| number(self.leaves.partition_point(|(first, _)| top_of(*first) < top));
        Table {
            top: (0..=65_536).map(begin).collect(),
            starts: self.leaves.iter().map(|(first, _)| narrow(*first)).collect(),
            leaves: self.leaves.iter().map(|(_, leaf)| *leaf).collect(),
        }
    }
}
