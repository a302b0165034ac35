//! Layers: the field of one that has parameters, the call of one that has none.

use super::chain::Chain;
use super::owner::{Owner, tap_variable};
use super::words::field;
use cnn_ir::dim::Dim;
use cnn_ir::layer::{Activation, Op, UpsampleMode};
use cnn_ir::model::Layer;
use cnn_ir::window::{Padding, Window};
use proc_macro2::TokenStream;
use quote::{format_ident, quote};

/// Where a number stands: `build` takes parameters, `run` reads fields.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Build,
    Run,
}

impl<'m> Owner<'m> {
    /// One layer, over all calls side by side.
    pub(super) fn layer(&mut self, column: &[&'m Layer], chain: &mut Chain) {
        let Some(&first) = column.first() else { return };
        let x = chain.reference();
        if let Some((rust_type, build)) = self.parameters(first, column) {
            let doc = match column {
                [only] => format!("`{}`: {} to {}.", only.source, only.input, only.output),
                _ => format!("`{}`.", first.source),
            };
            let name = field(&first.path, kind(&first.op));
            let field = self.field(&name, first.label.as_ref(), rust_type, build, doc);
            chain.push(match &first.op {
                Op::BatchNorm { .. } | Op::Linear { .. } => quote!(self.#field.run(#x, pass)?),
                _ => quote!(self.#field.run(#x)?),
            });
            return;
        }
        let (x, reference) = (chain.receiver(), x);
        let hint = field(&first.path, kind(&first.op));
        let expression = match &first.op {
            Op::Identity => return,
            Op::MaxPool(_) => {
                let window = self.window(&windows(column), &hint, Place::Run);
                quote!(#x.max_pool2d(&#window)?)
            }
            Op::AvgPool { count_include_pad, .. } => {
                let window = self.window(&windows(column), &hint, Place::Run);
                quote!(#x.avg_pool2d(&#window, #count_include_pad)?)
            }
            Op::AdaptiveAvgPool(_) => {
                let sizes = self.pair(column, &hint, |op| match op {
                    Op::AdaptiveAvgPool(size) => *size,
                    _ => [0; 2],
                });
                quote!(#x.adaptive_avg_pool2d(#sizes)?)
            }
            Op::GlobalAvgPool => quote!(#x.global_avg_pool2d()?),
            Op::Upsample { mode, .. } => {
                let scale = self.pair(column, &hint, |op| match op {
                    Op::Upsample { scale, .. } => *scale,
                    _ => [1; 2],
                });
                match mode {
                    UpsampleMode::Nearest => quote!(#x.upsample_nearest2d(#scale)?),
                    UpsampleMode::Bilinear => quote!(#x.upsample_bilinear2d(#scale)?),
                }
            }
            Op::PixelShuffle(_) => {
                let factors: Vec<usize> = column
                    .iter()
                    .map(|layer| match layer.op {
                        Op::PixelShuffle(factor) => factor,
                        _ => 1,
                    })
                    .collect();
                let factor = self.run_usize(&factors, &format!("{hint}_factor"));
                quote!(#x.pixel_shuffle(#factor)?)
            }
            Op::ChannelShuffle(_) => {
                let groups: Vec<usize> = column
                    .iter()
                    .map(|layer| match layer.op {
                        Op::ChannelShuffle(groups) => groups,
                        _ => 1,
                    })
                    .collect();
                let groups = self.run_usize(&groups, &format!("{hint}_groups"));
                quote!(#x.channel_shuffle(#groups)?)
            }
            Op::LocalResponseNorm { .. } => self.local_response_norm(column, &hint, &x),
            Op::Activation(activation) => self.activation(*activation, &x),
            Op::Dropout(_) | Op::Dropout2d(_) | Op::DropPath(_) => {
                let probabilities: Vec<f64> = column
                    .iter()
                    .map(|layer| match layer.op {
                        Op::Dropout(p) | Op::Dropout2d(p) | Op::DropPath(p) => p,
                        _ => 0.0,
                    })
                    .collect();
                let p = self.run_float(&probabilities, &format!("{hint}_p"));
                match first.op {
                    Op::Dropout(_) => quote!(pass.dropout(#reference, #p)?),
                    Op::Dropout2d(_) => quote!(pass.dropout2d(#reference, #p)?),
                    _ => quote!(pass.drop_path(#reference, #p)?),
                }
            }
            Op::Flatten => quote!(#x.flatten()?),
            Op::Crop { size, like } => {
                let size = match (size.each_ref().map(Dim::as_usize), like) {
                    ([Some(_), Some(_)], _) => self.pair(column, &hint, |op| match op {
                        Op::Crop { size, .. } => size.each_ref().map(|dim| dim.as_usize().unwrap_or(1)),
                        _ => [1; 2],
                    }),
                    (_, Some(tap)) => {
                        let tap = tap_variable(tap);
                        quote!([#tap.dim(2)?, #tap.dim(3)?])
                    }
                    (_, None) => {
                        let sizes = size.each_ref().map(|dim| self.context.size(dim));
                        let [height, width] = sizes;
                        quote!([#height, #width])
                    }
                };
                quote!(#x.crop2d(#size)?)
            }
            Op::Pad { top, bottom, left, right } => {
                quote!(#x.pad2d(#top, #bottom, #left, #right)?)
            }
            Op::Conv(_)
            | Op::Deconv(_)
            | Op::Linear { .. }
            | Op::BatchNorm { .. }
            | Op::LayerNorm { .. }
            | Op::InstanceNorm { .. }
            | Op::GroupNorm { .. }
            | Op::Prelu { .. }
            | Op::Scale { .. } => return,
        };
        chain.push(expression);
    }

    /// Type and constructor of a layer that has a field; `None` for one that has not.
    fn parameters(&mut self, first: &Layer, column: &[&'m Layer]) -> Option<(TokenStream, TokenStream)> {
        let runtime = self.context.runtime.clone();
        let path = &first.path;
        let hint = field(path, kind(&first.op));
        let (layer, config) = match &first.op {
            Op::Conv(_) => (format_ident!("Conv2d"), self.conv(column, &hint)),
            Op::Deconv(_) => (format_ident!("ConvTranspose2d"), self.deconv(column, &hint)),
            Op::Linear { bias, .. } => {
                let parts: Vec<(Dim, Dim, f64)> = column
                    .iter()
                    .filter_map(|layer| match &layer.op {
                        Op::Linear { in_features, out_features, dropconnect, .. } => {
                            Some((in_features.clone(), out_features.clone(), *dropconnect))
                        }
                        _ => None,
                    })
                    .collect();
                let inputs: Vec<Dim> = parts.iter().map(|part| part.0.clone()).collect();
                let outputs: Vec<Dim> = parts.iter().map(|part| part.1.clone()).collect();
                let input = self.build_size(&inputs, &format!("{hint}_in_features"));
                let output = self.build_size(&outputs, &format!("{hint}_out_features"));
                let mut config = quote!(#runtime::layers::LinearConfig::new(#input, #output));
                if !bias {
                    config.extend(quote!(.without_bias()));
                }
                if parts.iter().any(|part| part.2 > 0.0) {
                    let column: Vec<f64> = parts.iter().map(|part| part.2).collect();
                    let p = self.build_float(&column, &format!("{hint}_dropconnect"));
                    config.extend(quote!(.with_dropconnect(#p)));
                }
                (format_ident!("Linear"), config)
            }
            Op::BatchNorm { eps, momentum, affine, .. } => {
                let features = self.channels(column, &hint);
                let mut config = quote!(#runtime::layers::BatchNormConfig::new(#features));
                config.extend(with_eps(*eps));
                if (*momentum - 0.1).abs() > 0.0 {
                    config.extend(quote!(.with_momentum(#momentum)));
                }
                if !affine {
                    config.extend(quote!(.without_affine()));
                }
                (format_ident!("BatchNorm2d"), config)
            }
            Op::LayerNorm { eps, .. } => {
                let channels = self.channels(column, &hint);
                let mut config = quote!(#runtime::layers::LayerNormConfig::new(#channels));
                config.extend(with_eps(*eps));
                (format_ident!("LayerNorm"), config)
            }
            Op::InstanceNorm { eps, affine, .. } => {
                let channels = self.channels(column, &hint);
                let mut config = quote!(#runtime::layers::InstanceNormConfig::new(#channels));
                config.extend(with_eps(*eps));
                if *affine {
                    config.extend(quote!(.with_affine()));
                }
                (format_ident!("InstanceNorm2d"), config)
            }
            Op::GroupNorm { groups, eps, .. } => {
                let channels = self.channels(column, &hint);
                let mut config = quote!(#runtime::layers::GroupNormConfig::new(#groups, #channels));
                config.extend(with_eps(*eps));
                (format_ident!("GroupNorm"), config)
            }
            Op::Prelu { .. } => (format_ident!("PRelu"), self.channels(column, &hint)),
            Op::Scale { .. } => {
                let values: Vec<f64> = column
                    .iter()
                    .map(|layer| match layer.op {
                        Op::Scale { value, .. } => value,
                        _ => 1.0,
                    })
                    .collect();
                let channels = self.channels(column, &hint);
                let value = self.build_float(&values, &format!("{hint}_init"));
                (format_ident!("Scale"), quote!(#channels, #value))
            }
            _ => return None,
        };
        Some((
            quote!(#runtime::layers::#layer),
            quote!(#runtime::layers::#layer::new(params.pp(#path), #config)?),
        ))
    }

    /// Channels of a norm.
    fn channels(&mut self, column: &[&'m Layer], hint: &str) -> TokenStream {
        let channels: Vec<Dim> = column
            .iter()
            .map(|layer| match &layer.op {
                Op::BatchNorm { features: channels, .. }
                | Op::LayerNorm { channels, .. }
                | Op::InstanceNorm { channels, .. }
                | Op::GroupNorm { channels, .. }
                | Op::Prelu { parameters: channels }
                | Op::Scale { channels, .. } => channels.clone(),
                _ => Dim::ZERO,
            })
            .collect();
        self.build_size(&channels, &format!("{hint}_channels"))
    }

    fn conv(&mut self, column: &[&'m Layer], hint: &str) -> TokenStream {
        let runtime = self.context.runtime.clone();
        let convs: Vec<_> = column
            .iter()
            .filter_map(|layer| match &layer.op {
                Op::Conv(conv) => Some(conv),
                _ => None,
            })
            .collect();
        let inputs: Vec<Dim> = convs.iter().map(|conv| conv.in_channels.clone()).collect();
        let outputs: Vec<Dim> = convs.iter().map(|conv| conv.out_channels.clone()).collect();
        let input = self.build_size(&inputs, &format!("{hint}_in_channels"));
        let output = self.build_size(&outputs, &format!("{hint}_out_channels"));
        let windows: Vec<Window> = convs.iter().map(|conv| conv.window).collect();
        let kernel =
            self.number_pair(&windows, |window| window.kernel_size, &format!("{hint}_kernel"), Place::Build);
        let mut config = quote!(#runtime::layers::Conv2dConfig::new(#input, #output, #kernel));
        config.extend(self.options(&windows, hint, Place::Build));
        if convs.iter().any(|conv| conv.groups != Dim::ONE) {
            let groups: Vec<Dim> = convs.iter().map(|conv| conv.groups.clone()).collect();
            let groups = self.build_size(&groups, &format!("{hint}_groups"));
            config.extend(quote!(.with_groups(#groups)));
        }
        if convs.first().is_some_and(|conv| conv.linear) {
            config.extend(quote!(.with_linear_weight()));
        }
        if convs.first().is_some_and(|conv| !conv.bias) {
            config.extend(quote!(.without_bias()));
        }
        config
    }

    fn deconv(&mut self, column: &[&'m Layer], hint: &str) -> TokenStream {
        let runtime = self.context.runtime.clone();
        let deconvs: Vec<_> = column
            .iter()
            .filter_map(|layer| match &layer.op {
                Op::Deconv(deconv) => Some(deconv),
                _ => None,
            })
            .collect();
        let inputs: Vec<Dim> = deconvs.iter().map(|deconv| deconv.in_channels.clone()).collect();
        let outputs: Vec<Dim> = deconvs.iter().map(|deconv| deconv.out_channels.clone()).collect();
        let input = self.build_size(&inputs, &format!("{hint}_in_channels"));
        let output = self.build_size(&outputs, &format!("{hint}_out_channels"));
        let windows: Vec<Window> = deconvs.iter().map(|deconv| deconv.window).collect();
        let kernel =
            self.number_pair(&windows, |window| window.kernel_size, &format!("{hint}_kernel"), Place::Build);
        let mut config = quote!(#runtime::layers::ConvTranspose2dConfig::new(#input, #output, #kernel));
        config.extend(self.options(&windows, hint, Place::Build));
        if deconvs.iter().any(|deconv| deconv.output_padding != [0, 0]) {
            let rows: Vec<usize> = deconvs.iter().map(|deconv| deconv.output_padding[0]).collect();
            let columns: Vec<usize> = deconvs.iter().map(|deconv| deconv.output_padding[1]).collect();
            let rows = self.build_usize(&rows, &format!("{hint}_output_padding"));
            let columns = self.build_usize(&columns, &format!("{hint}_output_padding"));
            config.extend(quote!(.with_output_padding([#rows, #columns])));
        }
        if deconvs.iter().any(|deconv| deconv.groups != Dim::ONE) {
            let groups: Vec<Dim> = deconvs.iter().map(|deconv| deconv.groups.clone()).collect();
            let groups = self.build_size(&groups, &format!("{hint}_groups"));
            config.extend(quote!(.with_groups(#groups)));
        }
        if deconvs.first().is_some_and(|deconv| !deconv.bias) {
            config.extend(quote!(.without_bias()));
        }
        config
    }

    /// `Window::new([3, 3]).with_stride([2, 2])`
    fn window(&mut self, windows: &[Window], hint: &str, place: Place) -> TokenStream {
        let runtime = self.context.runtime.clone();
        let kernel = self.number_pair(windows, |window| window.kernel_size, &format!("{hint}_kernel"), place);
        let mut out = quote!(#runtime::Window::new(#kernel));
        out.extend(self.options(windows, hint, place));
        if windows.first().is_some_and(|window| window.ceil) {
            out.extend(quote!(.with_ceil()));
        }
        out
    }

    /// Stride, padding and dilation, where they are not the default.
    fn options(&mut self, windows: &[Window], hint: &str, place: Place) -> TokenStream {
        let runtime = self.context.runtime.clone();
        let mut out = TokenStream::new();
        if windows.iter().any(|window| window.stride != [1, 1]) {
            let stride = self.number_pair(windows, |window| window.stride, &format!("{hint}_stride"), place);
            out.extend(quote!(.with_stride(#stride)));
        }
        let sides = |window: &Window| match window.padding {
            Padding::Explicit { top, bottom, left, right } => Some([top, bottom, left, right]),
            Padding::Same => None,
        };
        let explicit: Option<Vec<[usize; 4]>> = windows.iter().map(sides).collect();
        match explicit {
            None => out.extend(quote!(.with_padding(#runtime::Padding::Same))),
            Some(sides) if sides.iter().all(|sides| *sides == [0; 4]) => {}
            Some(sides) => {
                let mut side = |index: usize| {
                    let column: Vec<usize> = sides.iter().map(|sides| sides[index]).collect();
                    self.number(&column, &format!("{hint}_padding"), place)
                };
                if sides.iter().all(|[top, bottom, left, right]| top == bottom && left == right) {
                    let (rows, columns) = (side(0), side(2));
                    out.extend(quote!(.with_padding([#rows, #columns])));
                } else {
                    let (top, bottom, left, right) = (side(0), side(1), side(2), side(3));
                    out.extend(quote!(.with_padding(#runtime::Padding::Explicit {
                        top: #top, bottom: #bottom, left: #left, right: #right
                    })));
                }
            }
        }
        if windows.iter().any(|window| window.dilation != [1, 1]) {
            let dilation =
                self.number_pair(windows, |window| window.dilation, &format!("{hint}_dilation"), place);
            out.extend(quote!(.with_dilation(#dilation)));
        }
        out
    }

    fn number(&mut self, column: &[usize], hint: &str, place: Place) -> TokenStream {
        match place {
            Place::Build => self.build_usize(column, hint),
            Place::Run => self.run_usize(column, hint),
        }
    }

    fn number_pair(
        &mut self,
        windows: &[Window],
        part: impl Fn(&Window) -> [usize; 2],
        hint: &str,
        place: Place,
    ) -> TokenStream {
        let rows: Vec<usize> = windows.iter().map(|window| part(window)[0]).collect();
        let columns: Vec<usize> = windows.iter().map(|window| part(window)[1]).collect();
        let row = self.number(&rows, hint, place);
        // A square that differs between the calls is one number, not two.
        let column = if rows == columns { row.clone() } else { self.number(&columns, hint, place) };
        quote!([#row, #column])
    }

    fn pair(&mut self, column: &[&'m Layer], hint: &str, part: impl Fn(&Op) -> [usize; 2]) -> TokenStream {
        let rows: Vec<usize> = column.iter().map(|layer| part(&layer.op)[0]).collect();
        let columns: Vec<usize> = column.iter().map(|layer| part(&layer.op)[1]).collect();
        let (row, column) = (
            self.run_usize(&rows, &format!("{hint}_height")),
            self.run_usize(&columns, &format!("{hint}_width")),
        );
        quote!([#row, #column])
    }

    fn local_response_norm(&mut self, column: &[&'m Layer], hint: &str, x: &TokenStream) -> TokenStream {
        let parts: Vec<(usize, f64, f64, f64)> = column
            .iter()
            .filter_map(|layer| match layer.op {
                Op::LocalResponseNorm { size, alpha, beta, k } => Some((size, alpha, beta, k)),
                _ => None,
            })
            .collect();
        let size: Vec<usize> = parts.iter().map(|part| part.0).collect();
        let size = self.run_usize(&size, &format!("{hint}_size"));
        let mut part = |name: &str, select: fn(&(usize, f64, f64, f64)) -> f64| {
            let column: Vec<f64> = parts.iter().map(select).collect();
            self.run_float(&column, &format!("{hint}_{name}"))
        };
        let (alpha, beta, k) = (part("alpha", |p| p.1), part("beta", |p| p.2), part("k", |p| p.3));
        quote!(#x.local_response_norm(#size, #alpha, #beta, #k)?)
    }

    fn activation(&self, activation: Activation, x: &TokenStream) -> TokenStream {
        let plain = match activation {
            Activation::Leaky(slope) => return quote!(#x.leaky_relu(#slope)?),
            Activation::Elu(alpha) => return quote!(#x.elu(#alpha)?),
            Activation::Relu => "relu",
            Activation::Relu6 => "relu6",
            Activation::Gelu => "gelu",
            Activation::Silu => "silu",
            Activation::Hardswish => "hardswish",
            Activation::Hardsigmoid => "hardsigmoid",
            Activation::Sigmoid => "sigmoid",
            Activation::Tanh => "tanh",
            Activation::Softmax => "softmax",
        };
        let plain = format_ident!("{plain}");
        quote!(#x.#plain()?)
    }
}

fn windows(column: &[&Layer]) -> Vec<Window> {
    column.iter().filter_map(|layer| layer.op.window().copied()).collect()
}

fn with_eps(eps: f64) -> TokenStream {
    if (eps - 1e-5).abs() > 0.0 { quote!(.with_eps(#eps)) } else { TokenStream::new() }
}

/// What an unlabelled layer's field begins with.
fn kind(op: &Op) -> &'static str {
    match op {
        Op::Conv(conv) if conv.depthwise => "dw",
        Op::Conv(_) => "conv",
        Op::Deconv(_) => "deconv",
        Op::Linear { .. } => "fc",
        Op::MaxPool(_) => "pool",
        Op::AvgPool { .. } | Op::AdaptiveAvgPool(_) | Op::GlobalAvgPool => "avgpool",
        Op::Upsample { .. } => "up",
        Op::PixelShuffle(_) => "shuffle",
        Op::ChannelShuffle(_) => "channelshuffle",
        Op::BatchNorm { .. } => "bn",
        Op::LayerNorm { .. } => "ln",
        Op::InstanceNorm { .. } => "inorm",
        Op::GroupNorm { .. } => "gn",
        Op::LocalResponseNorm { .. } => "lrn",
        Op::Activation(_) => "act",
        Op::Prelu { .. } => "prelu",
        Op::Dropout(_) | Op::Dropout2d(_) => "dropout",
        Op::DropPath(_) => "droppath",
        Op::Flatten | Op::Identity => "layer",
        Op::Scale { .. } => "scale",
        Op::Crop { .. } => "crop",
        Op::Pad { .. } => "pad",
    }
}
