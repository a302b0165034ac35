//! Random numbers from a counter: the same on every machine and device, and resumable.
//!
//! The generator is Philox 4x32-10 (Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as
//! 1, 2, 3", SC 2011): a keyed bijection of a 128-bit counter, so that any part of a sequence can be
//! computed without the part before it. The key is the seed; the counter's upper half names the
//! stream, its lower half the block within it.

use std::f64::consts::TAU;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// One block of Philox 4x32-10: four words for a counter and a key.
///
/// ```
/// // The first known answer of Random123's `kat_vectors`.
/// let block = cnn_runtime::random::philox4x32([0; 4], [0; 2]);
/// assert_eq!(block, [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
/// ```
#[must_use]
pub fn philox4x32(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let (mut c, mut k) = (counter, key);
    for round in 0..10 {
        if round > 0 {
            k = [k[0].wrapping_add(WEYL[0]), k[1].wrapping_add(WEYL[1])];
        }
        let (high0, low0) = halves(u64::from(MULTIPLIERS[0]) * u64::from(c[0]));
        let (high1, low1) = halves(u64::from(MULTIPLIERS[1]) * u64::from(c[2]));
        c = [high1 ^ c[1] ^ k[0], low1, high0 ^ c[3] ^ k[1], low0];
    }
    c
}

/// The upper and the lower word.
fn halves(word: u64) -> (u32, u32) {
    ((word >> 32) as u32, word as u32)
}

/// FNV-1a, 64 bits: turns a path into a stream's number.
fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// A sequence of random numbers, read in order.
#[derive(Clone, Debug)]
pub struct Stream {
    key: [u32; 2],
    stream: u64,
    block: u64,
    words: [u32; 4],
    /// How many of `words` were given out.
    used: usize,
    /// The second number of a Box-Muller pair.
    spare: Option<f64>,
}

impl Stream {
    /// The stream that belongs to a name: it depends on the seed and the name only.
    ///
    /// ```
    /// use cnn_runtime::random::Stream;
    /// let mut weight = Stream::keyed(42, "conv1.weight");
    /// let mut again = Stream::keyed(42, "conv1.weight");
    /// assert_eq!(weight.next_u32(), again.next_u32());
    /// ```
    #[must_use]
    pub fn keyed(seed: u64, path: &str) -> Self {
        Self::at(seed, fnv1a(path), 0)
    }

    /// Starts at a block of a numbered stream.
    fn at(seed: u64, stream: u64, block: u64) -> Self {
        let (high, low) = halves(seed);
        Self { key: [low, high], stream, block, words: [0; 4], used: 4, spare: None }
    }

    /// The stream behind so many more values, of one word each, of one that gave none so far.
    pub(crate) fn after(&self, values: usize) -> Self {
        let block = self.block.wrapping_add((values / 4) as u64);
        let mut stream = Self { block, ..self.clone() };
        for _ in 0..values % 4 {
            stream.next_u32();
        }
        stream
    }

    /// Seed, stream and block of a stream that nothing was taken from yet: where kernels find the same numbers.
    #[cfg(feature = "cuda")]
    pub(crate) const fn place(&self) -> [u64; 3] {
        [(self.key[1] as u64) << 32 | self.key[0] as u64, self.stream, self.block]
    }

    /// The next 32 random bits.
    pub fn next_u32(&mut self) -> u32 {
        if self.used == 4 {
            let ((block_high, block_low), (stream_high, stream_low)) =
                (halves(self.block), halves(self.stream));
            self.words = philox4x32([block_low, block_high, stream_low, stream_high], self.key);
            self.block = self.block.wrapping_add(1);
            self.used = 0;
        }
        let word = self.words[self.used];
        self.used += 1;
        word
    }

    /// A number strictly between 0 and 1, from 32 bits: `(word + 0.5) / 2^32`.
    fn unit(&mut self) -> f64 {
        (f64::from(self.next_u32()) + 0.5) * (-32f64).exp2()
    }

    /// A number uniformly between `low` and `high`, from 32 random bits.
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// A normally distributed number (Box & Muller, 1958; two numbers for two words), at most 6.8
    /// standard deviations from the mean.
    pub fn normal(&mut self, mean: f64, std: f64) -> f64 {
        let standard = self.spare.take().unwrap_or_else(|| {
            let radius = (-2.0 * self.unit().ln()).sqrt();
            let (sin, cos) = (TAU * self.unit()).sin_cos();
            self.spare = Some(radius * sin);
            radius * cos
        });
        mean + std * standard
    }

    /// `true` with the given probability: never for 0, always for 1.
    pub fn bernoulli(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }
}

/// Where a [`Generator`] stands: save it with a checkpoint to resume with the same numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GeneratorState {
    /// The key of the generator.
    pub seed: u64,
    /// The next block of four words.
    pub position: u64,
}

/// A source of random streams whose clones share one counter, for dropout.
///
/// Threads may draw from clones at the same time; no number is given out twice.
///
/// ```
/// use cnn_runtime::random::Generator;
/// let generator = Generator::seed(7);
/// let before = generator.state();
/// let first = generator.stream(100).next_u32();
/// generator.set_state(before);
/// assert_eq!(generator.clone().stream(100).next_u32(), first);
/// ```
#[derive(Clone, Debug)]
pub struct Generator {
    state: Arc<Mutex<GeneratorState>>,
}

impl Generator {
    /// The stream that generators read; named streams are hashes, which do not hit it by design.
    const STREAM: u64 = 0;

    /// A generator at the start of the sequence of `seed`.
    #[must_use]
    pub fn seed(seed: u64) -> Self {
        Self { state: Arc::new(Mutex::new(GeneratorState { seed, position: 0 })) }
    }

    /// Reserves `values` words of the sequence (rounded up to whole blocks of four) and returns the
    /// stream that starts there.
    #[must_use]
    pub fn stream(&self, values: usize) -> Stream {
        let mut state = self.lock();
        let stream = Stream::at(state.seed, Self::STREAM, state.position);
        state.position = state.position.wrapping_add(values.div_ceil(4) as u64);
        stream
    }

    /// `count` numbers uniformly between `low` and `high`.
    #[must_use]
    pub fn uniform(&self, count: usize, low: f64, high: f64) -> Vec<f64> {
        let mut stream = self.stream(count);
        (0..count).map(|_| stream.uniform(low, high)).collect()
    }

    /// `count` normally distributed numbers.
    #[must_use]
    pub fn normal(&self, count: usize, mean: f64, std: f64) -> Vec<f64> {
        // Box-Muller takes words in pairs.
        let mut stream = self.stream(count.next_multiple_of(2));
        (0..count).map(|_| stream.normal(mean, std)).collect()
    }

    /// `count` throws of a coin that shows `true` with the given probability.
    #[must_use]
    pub fn bernoulli(&self, count: usize, probability: f64) -> Vec<bool> {
        let mut stream = self.stream(count);
        (0..count).map(|_| stream.bernoulli(probability)).collect()
    }

    /// Where the generator stands.
    #[must_use]
    pub fn state(&self) -> GeneratorState {
        *self.lock()
    }

    /// Continues from a saved state; every clone does.
    pub fn set_state(&self, state: GeneratorState) {
        *self.lock() = state;
    }

    /// Goes to the start of the sequence of `seed`; every clone does.
    pub fn reseed(&self, seed: u64) {
        self.set_state(GeneratorState { seed, position: 0 });
    }

    /// The state is a plain value, so it is whole even after a panic elsewhere.
    fn lock(&self) -> MutexGuard<'_, GeneratorState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Random123 1.14.0, tests/kat_vectors, the lines `philox4x32 10`.
    const KNOWN: [([u32; 4], [u32; 2], [u32; 4]); 3] = [
        ([0; 4], [0; 2], [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]),
        ([u32::MAX; 4], [u32::MAX; 2], [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]),
        (
            [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
            [0xa4093822, 0x299f31d0],
            [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
        ),
    ];

    #[test]
    fn known_answers() {
        for (counter, key, expected) in KNOWN {
            assert_eq!(philox4x32(counter, key), expected);
        }
    }

    #[test]
    fn a_stream_lays_out_counter_and_key_as_documented() {
        let mut stream = Stream::at(0x299f31d0_a4093822, 0x03707344_13198a2e, 0x85a308d3_243f6a88);
        let words: Vec<u32> = (0..4).map(|_| stream.next_u32()).collect();
        assert_eq!(words, KNOWN[2].2);
    }

    #[test]
    fn streams_do_not_end_with_the_counter() {
        let mut stream = Stream::at(u64::MAX, u64::MAX, u64::MAX);
        assert_eq!(stream.next_u32(), KNOWN[1].2[0]);
        for _ in 0..8 {
            stream.next_u32();
        }
        assert_eq!(stream.block, 2);
    }

    #[test]
    fn fnv_known_answers() {
        // The test vectors of the FNV authors.
        assert_eq!(fnv1a(""), 0xcbf29ce484222325);
        assert_eq!(fnv1a("a"), 0xaf63dc4c8601ec8c);
        assert_eq!(fnv1a("foobar"), 0x85944171f73967e8);
    }

    #[test]
    fn a_stream_is_entered_anywhere() {
        let stream = Generator::seed(5).stream(40);
        let mut all = stream.clone();
        let all: Vec<u32> = (0..40).map(|_| all.next_u32()).collect();
        for (first, value) in all.into_iter().enumerate() {
            assert_eq!(stream.after(first).next_u32(), value, "{first}");
        }
    }

    #[test]
    fn clones_share_the_counter() {
        let generator = Generator::seed(0);
        let clone = generator.clone();
        let first = generator.stream(1).next_u32();
        let second = clone.stream(1).next_u32();
        assert_eq!(first, KNOWN[0].2[0]);
        assert_ne!(first, second);
        assert_eq!(generator.state(), GeneratorState { seed: 0, position: 2 });
    }

    #[test]
    fn no_number_twice_across_threads() {
        let generator = Generator::seed(1);
        let workers: Vec<_> = (0..4)
            .map(|_| {
                let generator = generator.clone();
                std::thread::spawn(move || {
                    (0..100)
                        .map(|_| {
                            let mut stream = generator.stream(4);
                            [stream.next_u32(), stream.next_u32(), stream.next_u32(), stream.next_u32()]
                        })
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        let mut blocks: Vec<_> =
            workers.into_iter().flat_map(|worker| worker.join().expect("a worker")).collect();
        blocks.sort_unstable();
        blocks.dedup();
        assert_eq!(blocks.len(), 400);
    }

    #[test]
    fn moments() {
        let count = 100_000;
        let uniform = Generator::seed(3).uniform(count, -2.0, 4.0);
        assert!(uniform.iter().all(|value| (-2.0..=4.0).contains(value)));
        let (mean, variance) = moments_of(&uniform);
        assert!((mean - 1.0).abs() < 0.03, "{mean}"); // std of the mean 0.0055
        assert!((variance - 3.0).abs() < 0.05, "{variance}");

        let normal = Generator::seed(3).normal(count, 5.0, 2.0);
        let (mean, variance) = moments_of(&normal);
        assert!((mean - 5.0).abs() < 0.03, "{mean}"); // std of the mean 0.0063
        assert!((variance - 4.0).abs() < 0.1, "{variance}");
        let beyond_two = normal.iter().filter(|value| (*value - 5.0).abs() > 4.0).count();
        assert!((beyond_two as f64 / count as f64 - 0.0455).abs() < 0.004, "{beyond_two}");

        let heads = Generator::seed(3).bernoulli(count, 0.3).into_iter().filter(|&head| head).count();
        assert!((heads as f64 / count as f64 - 0.3).abs() < 0.008, "{heads}");
        assert!(!Generator::seed(3).bernoulli(count, 0.0).contains(&true));
        assert!(!Generator::seed(3).bernoulli(count, 1.0).contains(&false));
    }

    fn moments_of(values: &[f64]) -> (f64, f64) {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64;
        (mean, variance)
    }
}
