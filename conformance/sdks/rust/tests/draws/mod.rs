//! Chance that is the same in each run.

/// Numbers that look drawn (G. Marsaglia, 'Xorshift RNGs', 2003).
pub struct Draws(u64);

impl Draws {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn bits(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.bits() >> 1).expect("64 bits") % bound
    }
}
