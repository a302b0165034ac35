//! A plan that has run once allocates nothing when it runs again.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use candle_core::Device;
use cnn_runtime::layers::{BatchNorm2d, BatchNormConfig, Conv2d, Conv2dConfig, Linear, LinearConfig};
use cnn_runtime::params::Builder;
use cnn_runtime::plan::{CompileOptions, Plan};
use cnn_runtime::{Init, Pass, Value, Window};

/// The system's allocator, counted.
struct Counted;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: it hands everything on to the system's allocator.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
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

/// Every kind of step that needs no foreign code: a first layer, minimal filtering, a residual, a depthwise layer, pooling,
/// concatenation, a fully connected layer.
fn plan(threads: usize) -> Plan {
    let builder = Builder::init(&Init::seed(1), &Device::Cpu).expect("a builder");
    let root = builder.root();
    let conv = |name: &str, config| Conv2d::new(root.pp(name), config).expect("a layer");
    let three = |from, to| Conv2dConfig::new(from, to, [3, 3]).with_padding([1, 1]);
    let first = conv("first", three(3, 32));
    let norm = BatchNorm2d::new(root.pp("norm"), BatchNormConfig::new(32)).expect("a layer");
    let second = conv("second", three(32, 32));
    let deep = conv("deep", three(32, 32).with_groups(32).with_stride([2, 2]));
    let wide = conv("wide", Conv2dConfig::new(32, 48, [1, 1]));
    let fc = Linear::new(root.pp("fc"), LinearConfig::new(80 * 12 * 12, 10)).expect("a layer");
    let state = builder.finish().expect("all tensors");
    let options = CompileOptions::batch(2).with_threads(threads);
    Plan::compile("Small", &[("", &[3, 48, 48])], &state, &options, move |inputs| {
        let pass = Pass::inference();
        let x = norm.run(&first.run(&inputs[0])?, &pass)?.relu()?;
        let x = second.run(&x)?.add(&x)?.relu()?;
        let x = x.max_pool2d(&Window::new([2, 2]).with_stride([2, 2]))?;
        let deep = deep.run(&x)?;
        let x = Value::concat(&[&deep, &wide.run(&deep)?])?;
        Ok(vec![fc.run(&x, &pass)?])
    })
    .expect("a plan")
}

#[test]
fn the_second_run_allocates_nothing() {
    let x: Vec<f32> = (0..2 * 3 * 48 * 48).map(|i| (i % 7) as f32).collect();
    let mut y = vec![0.0; 20];
    // Alone; and shared within a pool, where rayon needs no boxes either.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("a pool");
    for threads in [1, 2] {
        let mut plan = plan(threads);
        let counts = pool.install(|| {
            let mut counts = Vec::with_capacity(50);
            for _ in 0..50 {
                let before = ALLOCATIONS.load(Ordering::Relaxed);
                plan.run_slices(&[&x], &mut [&mut y]).expect("a run");
                counts.push(ALLOCATIONS.load(Ordering::Relaxed) - before);
            }
            counts
        });
        assert!(counts[1..].iter().all(|&count| count == 0), "{threads} threads: {counts:?}");
    }
    assert!(y.iter().any(|&value| value != 0.0));
    assert!(ALLOCATIONS.load(Ordering::Relaxed) > 100, "they are counted");
}
