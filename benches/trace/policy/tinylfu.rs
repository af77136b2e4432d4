//! W-TinyLFU by bytes, as Caffeine has it: newcomers pass a window of 1 %, what leaves the window
//! must be asked for more often than each of those that would have to go for it, and what is asked
//! for again in the main part moves to a protected segment of 80 %.

use super::list::{Links, List};
use super::sketch::Sketch;
use super::{Known, Policy};
use crate::workload::Random;

/// A candidate as popular as this may win by luck, so that nobody can keep it out by asking for
/// others just as often.
const LUCKY: u64 = 6;

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Out,
    Window,
    Probation,
    Protected,
}

pub struct TinyLfu {
    /// Bytes of the window, of the main part, and of its protected segment.
    most: [u64; 3],
    sketch: Sketch,
    links: Links,
    window: List,
    probation: List,
    protected: List,
    place: Known<Place>,
    random: Random,
}

impl TinyLfu {
    /// A cache of `capacity` bytes that expects so many entries.
    pub fn new(capacity: u64, entries: u64) -> Self {
        let window = capacity / 100;
        let main = capacity - window;
        Self {
            most: [window, main, main / 10 * 8],
            sketch: Sketch::new(entries),
            links: Links::default(),
            window: List::new(),
            probation: List::new(),
            protected: List::new(),
            place: Known::new(),
            random: Random(1),
        }
    }

    fn hit(&mut self, key: u32, place: Place) {
        match place {
            Place::Window => self.links.renew(&mut self.window, key),
            Place::Protected => self.links.renew(&mut self.protected, key),
            Place::Probation | Place::Out => {
                let size = self.links.remove(&mut self.probation, key);
                self.links.push(&mut self.protected, key, size);
                *self.place.of(key) = Place::Protected;
            }
        }
        while self.protected.bytes > self.most[2]
            && let Some(oldest) = self.protected.oldest()
        {
            let size = self.links.remove(&mut self.protected, oldest);
            self.links.push(&mut self.probation, oldest, size);
            *self.place.of(oldest) = Place::Probation;
        }
    }

    /// What left the window, or was too large for it, asks to be let in.
    fn offer(&mut self, key: u32, size: u64) {
        let count = self.sketch.count(key);
        while self.probation.bytes + self.protected.bytes + size > self.most[1] {
            let (victim, segment) = match (self.probation.oldest(), self.protected.oldest()) {
                (Some(victim), _) => (victim, &mut self.probation),
                (None, Some(victim)) => (victim, &mut self.protected),
                (None, None) => return,
            };
            let lucky = count >= LUCKY && self.random.next().is_multiple_of(128);
            if count <= self.sketch.count(victim) && !lucky {
                return;
            }
            self.links.remove(segment, victim);
            *self.place.of(victim) = Place::Out;
        }
        self.links.push(&mut self.probation, key, size);
        *self.place.of(key) = Place::Probation;
    }
}

impl Policy for TinyLfu {
    fn request(&mut self, key: u32, size: u64) -> bool {
        self.sketch.add(key);
        let place = *self.place.of(key);
        if place != Place::Out {
            self.hit(key, place);
            return true;
        }
        if size > self.most[0] {
            self.offer(key, size);
            return false;
        }
        self.links.push(&mut self.window, key, size);
        *self.place.of(key) = Place::Window;
        while self.window.bytes > self.most[0]
            && let Some(oldest) = self.window.oldest()
        {
            let size = self.links.remove(&mut self.window, oldest);
            *self.place.of(oldest) = Place::Out;
            self.offer(oldest, size);
        }
        false
    }
}
