//! A plan that has run once allocates nothing when it runs again.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

use candle_core::Device;
use cnn_runtime::layers::{
    BatchNorm2d, BatchNormConfig, Conv2d, Conv2dConfig, ConvTranspose2d, ConvTranspose2dConfig, GroupNorm,
    GroupNormConfig, InstanceNorm2d, InstanceNormConfig, LayerNorm, LayerNormConfig, Linear, LinearConfig,
    PRelu,
};
use cnn_runtime::params::Builder;
use cnn_runtime::plan::{CompileOptions, Plan};
use cnn_runtime::{Init, Pass, Value, Window};

/// The system's allocator, counted on some threads.
struct Counted;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// Whether this thread is one of them: others do as they like, such as those of the test's own program.
    static COUNTS: Cell<bool> = const { Cell::new(false) };
}

// SAFETY: it hands everything on to the system's allocator.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if COUNTS.get() {
            ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        }
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counted = Counted;

/// The kinds of steps on blocks: a first layer, minimal filtering, a residual, a depthwise layer, a transposed one, pooling,
/// concatenation, a fully connected layer.
fn blocks(threads: usize) -> Plan {
    let builder = Builder::init(&Init::seed(1), &Device::Cpu).expect("a builder");
    let root = builder.root();
    let conv = |name: &str, config| Conv2d::new(root.pp(name), config).expect("a layer");
    let three = |from, to| Conv2dConfig::new(from, to, [3, 3]).with_padding([1, 1]);
    let first = conv("first", three(3, 32));
    let norm = BatchNorm2d::new(root.pp("norm"), BatchNormConfig::new(32)).expect("a layer");
    let second = conv("second", three(32, 32));
    let deep = conv("deep", three(32, 32).with_groups(32).with_stride([2, 2]));
    let wide = conv("wide", Conv2dConfig::new(32, 48, [1, 1]));
    let up = ConvTranspose2dConfig::new(80, 16, [2, 2]).with_stride([2, 2]);
    let up = ConvTranspose2d::new(root.pp("up"), up).expect("a layer");
    let fc = Linear::new(root.pp("fc"), LinearConfig::new(16 * 24 * 24, 10)).expect("a layer");
    let state = builder.finish().expect("all tensors");
    let options = CompileOptions::batch(2).with_threads(threads);
    Plan::compile("Small", &[("", &[3, 48, 48])], &state, &options, move |inputs| {
        let pass = Pass::inference();
        let x = norm.run(&first.run(&inputs[0])?, &pass)?.relu()?;
        let x = second.run(&x)?.add(&x)?.relu()?;
        let x = x.max_pool2d(&Window::new([2, 2]).with_stride([2, 2]))?;
        let deep = deep.run(&x)?;
        let x = up.run(&Value::concat(&[&deep, &wide.run(&deep)?])?)?;
        Ok(vec![fc.run(&x, &pass)?])
    })
    .expect("a plan")
}

/// Those on row-major values.
fn plain(threads: usize) -> Plan {
    let builder = Builder::init(&Init::seed(1), &Device::Cpu).expect("a builder");
    let root = builder.root();
    let layer = LayerNorm::new(root.pp("layer"), LayerNormConfig::new(12)).expect("a layer");
    let group = GroupNorm::new(root.pp("group"), GroupNormConfig::new(3, 12)).expect("a layer");
    let instance = InstanceNorm2d::new(root.pp("instance"), InstanceNormConfig::new(12)).expect("a layer");
    let slopes = PRelu::new(root.pp("slopes"), 12).expect("a layer");
    let fc = Linear::new(root.pp("fc"), LinearConfig::new(12 * 8 * 8, 10)).expect("a layer");
    let state = builder.finish().expect("all tensors");
    let options = CompileOptions::batch(2).with_threads(threads);
    Plan::compile("Plain", &[("", &[3, 48, 48])], &state, &options, move |inputs| {
        let pass = Pass::inference();
        let x = inputs[0].pad2d(1, 1, 1, 1)?.crop2d([48, 48])?;
        let x = Value::concat(&[&x, &x, &x, &x])?;
        let x = instance.run(&group.run(&layer.run(&x)?)?)?;
        let x = slopes.run(&x.local_response_norm(5, 1e-4, 0.75, 2.0)?)?.channel_shuffle(3)?;
        let x = x.pixel_shuffle(2)?.max_pool2d(&Window::new([3, 3]).with_stride([3, 3]))?;
        let [a, b, c] = x.split()?;
        let x = Value::concat(&[&a, &b, &c, &a, &b, &c, &a, &b, &c, &a, &b, &c])?;
        let x = x.upsample_nearest2d([2, 1])?.upsample_bilinear2d([1, 2])?.adaptive_avg_pool2d([8, 8])?;
        let x = fc.run(&x, &pass)?;
        Ok(vec![x.add(&x.sigmoid()?)?.softmax()?])
    })
    .expect("a plan")
}

#[test]
fn the_second_run_allocates_nothing() {
    let x: Vec<f32> = (0..2 * 3 * 48 * 48).map(|i| (i % 7) as f32).collect();
    let mut y = vec![0.0; 20];
    // Alone; and shared within a pool, where rayon needs no boxes either.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("a pool");
    pool.broadcast(|_| COUNTS.set(true));
    for (threads, make) in
        [1, 2].into_iter().flat_map(|threads| [(threads, blocks as fn(_) -> _), (threads, plain)])
    {
        let mut plan: Plan = make(threads);
        assert!(plan.steps().iter().all(|row| row.algorithm != "eager"), "{plan}");
        let counts = pool.install(|| {
            let mut counts = Vec::with_capacity(50);
            for _ in 0..50 {
                let before = ALLOCATIONS.load(Ordering::Relaxed);
                plan.run_slices(&[&x], &mut [&mut y]).expect("a run");
                counts.push(ALLOCATIONS.load(Ordering::Relaxed) - before);
            }
            counts
        });
        assert!(
            counts[1..].iter().all(|&count| count == 0),
            "{}, {threads} threads: {counts:?}",
            plan.name()
        );
    }
    assert!(y.iter().any(|&value| value != 0.0));
    pool.install(|| plain(1));
    assert!(ALLOCATIONS.load(Ordering::Relaxed) > 100, "they are counted");
}
