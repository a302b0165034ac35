//! The structs that kernels take, declared once for both sides.
#![cfg_attr(not(feature = "driver"), allow(dead_code, reason = "only their C declarations are read then"))]
#![allow(non_camel_case_types, reason = "C's names, as they stand in the declarations")]

type int = i32;
type wide = i64;
type double = f64;

macro_rules! sizes {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $type:ident,)* })*) => {
        $($(#[$doc])*
        #[repr(C)]
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub(crate) struct $name {
            $(pub(crate) $field: $type,)*
        }

        impl $name {
            /// The struct in C.
            pub(crate) const DECLARATION: &str =
                concat!("struct ", stringify!($name), " {\n", $("    ", stringify!($type), " ", stringify!($field), ";\n",)* "};\n");
        })*
    };
}

sizes! {
    /// One axis of a sliding window.
    Axis { input: int, output: int, kernel: int, stride: int, dilation: int, before: int, after: int, }

    /// A pooling over windows, of maps (images, rows, columns, channels).
    Pool { images: int, channels: int, rows: Axis, columns: Axis, }

    /// A pooling into bins, of maps (images, height, width, channels).
    Bins { images: int, height: int, width: int, channels: int, out_height: int, out_width: int, }

    /// An upsampling of maps (images, height, width, channels).
    Upsample { images: int, height: int, width: int, channels: int, down: int, right: int, }

    /// Maps (batch, channels, plane).
    Planes { batch: int, channels: int, plane: int, }

    /// A norm of maps (batch, channels, plane): `width` channels make a group.
    Norm { batch: int, channels: int, plane: int, kind: int, width: int, unused: int, eps: double, }

    /// A norm of maps (images, plane, channels) over groups of `width` channels: a block has `across` channels of an image
    /// at a time, and one of `parts` of its pixels.
    GroupNorm { images: int, plane: int, channels: int, width: int, across: int, parts: int, eps: double, }

    /// Local response normalization; `share` is alpha / size.
    Response { size: int, unused: int, share: double, beta: double, k: double, }

    /// A convolution as products of a weight with what each output pixel gathers, by strides.
    Product {
        images: int,
        out_height: int,
        out_width: int,
        height: int,
        width: int,
        taps_y: int,
        taps_x: int,
        stride_y: int,
        stride_x: int,
        step_y: int,
        step_x: int,
        lead_y: int,
        lead_x: int,
        inputs: int,
        outputs: int,
        groups: int,
        source_image: wide,
        source_channel: wide,
        source_y: wide,
        source_x: wide,
        target_image: wide,
        target_channel: wide,
        target_y: wide,
        target_x: wide,
        target_offset: wide,
        weight_group: wide,
        weight_out: wide,
        weight_in: wide,
        weight_y: wide,
        weight_x: wide,
        weight_offset: wide,
    }

    /// A weight in the order of a variable and in that of a kernel. Of `inputs` those that are `channels` are there.
    Pack {
        groups: int,
        outputs: int,
        channels: int,
        inputs: int,
        taps_y: int,
        taps_x: int,
        from_group: wide,
        from_out: wide,
        from_in: wide,
        from_y: wide,
        from_x: wide,
        from_offset: wide,
        to_group: wide,
        to_out: wide,
        to_in: wide,
        to_y: wide,
        to_x: wide,
    }

    /// A part of a map, of every so manyth row and column.
    Spread {
        images: int,
        part_height: int,
        part_width: int,
        height: int,
        width: int,
        channels: int,
        step_y: int,
        step_x: int,
        top: int,
        left: int,
    }

    /// Maps (images, height, width, channels * factor^2), and what they become: `factor` times as high and as wide.
    Shuffle { images: int, height: int, width: int, channels: int, factor: int, }

    /// A map, and where its first row and column stand in another.
    Frame {
        images: int,
        height: int,
        width: int,
        out_height: int,
        out_width: int,
        channels: int,
        top: int,
        left: int,
    }

    /// A tensor of which samples are taken.
    Sampled { address: wide, count: wide, bytes: wide, }

    /// What a block of an optimizer's step has: a part of a tensor.
    Chunk { slot: int, part: int, }

    /// A tensor of an optimizer: addresses, and numbers that depend on how often it was stepped.
    Slot {
        weights: wide,
        gradient: wide,
        state0: wide,
        state1: wide,
        state2: wide,
        count: wide,
        decays: wide,
        step_size: double,
        correction: double,
    }

    /// Gradient descent.
    Sgd { scale: double, limit: double, learning_rate: double, momentum: double, weight_decay: double, nesterov: wide, }

    /// Adam and AdamW.
    Adam {
        scale: double,
        limit: double,
        learning_rate: double,
        beta1: double,
        beta2: double,
        eps: double,
        weight_decay: double,
        decoupled: wide,
        amsgrad: wide,
    }

    /// RMSprop.
    RmsProp {
        scale: double,
        limit: double,
        learning_rate: double,
        alpha: double,
        eps: double,
        weight_decay: double,
        momentum: double,
        centered: wide,
    }
}
