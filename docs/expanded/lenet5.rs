///What the words of the declaration mean, for the editor.
const _: &[::cnn_runtime::dsl::Word] = &[
    ::cnn_runtime::dsl::conv,
    ::cnn_runtime::dsl::relu,
    ::cnn_runtime::dsl::pool,
    ::cnn_runtime::dsl::conv,
    ::cnn_runtime::dsl::relu,
    ::cnn_runtime::dsl::pool,
    ::cnn_runtime::dsl::fc,
    ::cnn_runtime::dsl::relu,
    ::cnn_runtime::dsl::fc,
    ::cnn_runtime::dsl::relu,
    ::cnn_runtime::dsl::fc,
];
/// LeNet-5 (LeCun et al., 1998), with ReLU and max pooling.
///
///Takes 1x32x32, gives 10.
///
/// | path | layer | output | parameters | MACs | sees |
/// | --- | --- | --- | ---: | ---: | --- |
/// | 0 | `conv5-6(valid)` | 6x28x28 | 156 | 117,600 | 5x5 |
/// | 1 | `relu` | 6x28x28 |  |  | 5x5 |
/// | 2 | `pool2` | 6x14x14 |  |  | 6x6 |
/// | 3 | `conv5-16(valid)` | 16x10x10 | 2,416 | 240,000 | 14x14 |
/// | 4 | `relu` | 16x10x10 |  |  | 14x14 |
/// | 5 | `pool2` | 16x5x5 |  |  | 16x16 |
/// | 6 | `fc120` | 120 | 48,120 | 48,000 |  |
/// | 7 | `relu` | 120 |  |  |  |
/// | 8 | `fc84` | 84 | 10,164 | 10,080 |  |
/// | 9 | `relu` | 84 |  |  |  |
/// | 10 | `fc10` | 10 | 850 | 840 |  |
/// | **total** | | | **61,706** | **416,520** | |
///
/// [`LeNet5::diagram`] draws it.
#[derive(Clone, Debug)]
pub struct LeNet5 {
    ///`conv5-6(valid)`: 1x32x32 to 6x28x28.
    pub conv_0: ::cnn_runtime::layers::Conv2d,
    ///`conv5-16(valid)`: 6x14x14 to 16x10x10.
    pub conv_3: ::cnn_runtime::layers::Conv2d,
    ///`fc120`: 16x5x5 to 120.
    pub fc_6: ::cnn_runtime::layers::Linear,
    ///`fc84`: 120 to 84.
    pub fc_8: ::cnn_runtime::layers::Linear,
    ///`fc10`: 84 to 10.
    pub fc_10: ::cnn_runtime::layers::Linear,
    state: ::cnn_runtime::State,
}
///<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 183 586" width="183" height="586" role="img" font-family="ui-monospace, Menlo, Consolas, monospace" fill="currentColor" text-anchor="middle">
///<title>LeNet5</title>
///<path fill="none" stroke="currentColor" stroke-opacity=".6" d="M91 32V64m-4 -5 4 5 4 -5M91 102V134m-4 -5 4 5 4 -5M91 172V204m-4 -5 4 5 4 -5M91 242V274m-4 -5 4 5 4 -5M91 312V344m-4 -5 4 5 4 -5M91 382V414m-4 -5 4 5 4 -5M91 452V484m-4 -5 4 5 4 -5M91 522V554m-4 -5 4 5 4 -5"/>
///<g fill="#4a8fe0" fill-opacity=".2" stroke="#4a8fe0">
///<rect x="11" y="64" width="160" height="38" rx="5"/>
///<rect x="8" y="204" width="167" height="38" rx="5"/>
///</g>
///<g fill="#e0604a" fill-opacity=".2" stroke="#e0604a">
///<rect x="63" y="134" width="57" height="38" rx="5"/>
///<rect x="63" y="274" width="57" height="38" rx="5"/>
///</g>
///<g fill="#3fae68" fill-opacity=".2" stroke="#3fae68">
///<rect x="20" y="344" width="142" height="38" rx="5"/>
///<rect x="20" y="414" width="142" height="38" rx="5"/>
///<rect x="26" y="484" width="130" height="38" rx="5"/>
///</g>
///<g fill="currentColor" fill-opacity=".06" stroke="currentColor">
///<rect x="60" y="8" width="63" height="24" rx="12"/>
///<rect x="56" y="554" width="70" height="24" rx="12"/>
///</g>
///<g font-size="12">
///<text x="91" y="24">input</text>
///<text x="91" y="80">conv5-6(valid) relu</text>
///<text x="91" y="150">pool2</text>
///<text x="91" y="220">conv5-16(valid) relu</text>
///<text x="91" y="290">pool2</text>
///<text x="91" y="360">fc120 relu</text>
///<text x="91" y="430">fc84 relu</text>
///<text x="91" y="500">fc10</text>
///<text x="91" y="570">output</text>
///</g>
///<g font-size="10" fill-opacity=".75">
///<text x="91" y="94">0: 156 parameters</text>
///<text x="91" y="164">2</text>
///<text x="91" y="234">3: 2,416 parameters</text>
///<text x="91" y="304">5</text>
///<text x="91" y="374">6: 48,120 parameters</text>
///<text x="91" y="444">8: 10,164 parameters</text>
///<text x="91" y="514">10: 850 parameters</text>
///</g>
///<g font-size="10" text-anchor="start" fill-opacity=".75">
///<text x="97" y="44">1x32x32</text>
///<text x="97" y="114">6x28x28</text>
///<text x="97" y="184">6x14x14</text>
///<text x="97" y="254">16x10x10</text>
///<text x="97" y="324">16x5x5</text>
///<text x="97" y="394">120</text>
///<text x="97" y="464">84</text>
///<text x="97" y="534">10</text>
///</g>
///</svg>
#[automatically_derived]
#[allow(dead_code, unused_imports, unused_variables, clippy::all, clippy::pedantic)]
impl LeNet5 {
    /// What flows where, to draw as Mermaid, DOT or SVG: its stages, or every layer.
    #[must_use]
    pub fn diagram() -> ::cnn_runtime::Diagram {
        use ::cnn_runtime::diagram::Part;
        ::cnn_runtime::diagram::of(
            "LeNet5",
            &Self::LAYERS,
            &[Part::Input("", &[1, 32, 32]), Part::Layers(11), Part::Output("", 11)],
        )
    }
}
#[automatically_derived]
#[allow(dead_code, unused_imports, unused_variables, clippy::all, clippy::pedantic)]
impl LeNet5 {
    /// Number of learned values.
    pub const PARAMS: usize = 61706;
    /// Multiply-accumulates of one sample in convolutions and fully connected layers.
    pub const MACS: usize = 416520;
    /// Values that one sample holds in memory: the input and the outputs of all layers that do
    /// not work in place.
    pub const ACTIVATIONS: usize = 9118;
    ///The shape that it takes, without the batch dimension; 0 is any size.
    pub const INPUT: [usize; 3] = [1, 32, 32];
    ///The shape that it gives, without the batch dimension; 0 is any size.
    pub const OUTPUT: [usize; 1] = [10];
    /// Its labels and taps, and their shapes without the batch dimension; 0 is any size.
    pub const STAGES: [(&'static str, &'static [usize]); 0] = [];
    ///A new `LeNet5` with random weights, PyTorch's default initialization unless `init` says otherwise.
    ///
    /// # Errors
    /// What the device says where it cannot hold the weights.
    pub fn init(
        init: ::cnn_runtime::Init,
        device: &::cnn_runtime::Device,
    ) -> ::cnn_runtime::Result<Self> {
        Self::from_builder(::cnn_runtime::params::Builder::init(&init, device)?)
    }
    ///A `LeNet5` with the weights of a safetensors or PyTorch file, whose names and shapes must be its own (but for one prefix of all).
    ///
    /// # Errors
    /// One error that lists every difference between the file and the network by name.
    pub fn load(
        path: impl ::core::convert::AsRef<::std::path::Path>,
        device: &::cnn_runtime::Device,
    ) -> ::cnn_runtime::Result<Self> {
        Self::from_builder(
            ::cnn_runtime::params::Builder::from_file(
                path,
                device,
                ::cnn_runtime::DType::F32,
            )?,
        )
    }
    ///A `LeNet5` with the weights of a file, but for the tensors below `except`, which are initialized.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_except(
        path: impl ::core::convert::AsRef<::std::path::Path>,
        except: &[&str],
        init: ::cnn_runtime::Init,
        device: &::cnn_runtime::Device,
    ) -> ::cnn_runtime::Result<Self> {
        Self::from_builder(
            ::cnn_runtime::params::Builder::from_file_except(path, except, init, device)?,
        )
    }
    ///A `LeNet5` whose tensors come from a candle `VarBuilder`.
    ///
    /// # Errors
    /// One error that lists every tensor that is missing or has another shape.
    pub fn from_var_builder(
        vars: ::cnn_runtime::VarBuilder<'_>,
    ) -> ::cnn_runtime::Result<Self> {
        Self::from_builder(::cnn_runtime::params::Builder::from_var_builder(vars)?)
    }
    /// Writes the weights to a safetensors file, beside and renamed, so that no half-written file is
    /// ever there.
    ///
    /// # Errors
    /// Where the file cannot be written, which and why.
    pub fn save(
        &self,
        path: impl ::core::convert::AsRef<::std::path::Path>,
    ) -> ::cnn_runtime::Result<()> {
        self.state.save(path)
    }
    /// Its named tensors, device, element type and generator.
    #[must_use]
    pub fn state(&self) -> &::cnn_runtime::State {
        &self.state
    }
    /// Its learned tensors, for an optimizer.
    #[must_use]
    pub fn trainable(&self) -> ::std::vec::Vec<::cnn_runtime::Var> {
        self.state.trainable()
    }
    fn from_builder(
        builder: ::cnn_runtime::params::Builder<'_>,
    ) -> ::cnn_runtime::Result<Self> {
        let network = Self::build(&builder.root())?;
        builder.finish()?;
        ::core::result::Result::Ok(network)
    }
    /// Builds it below a place in another network.
    #[doc(hidden)]
    pub fn build(
        params: &::cnn_runtime::params::Params<'_>,
    ) -> ::cnn_runtime::Result<Self> {
        ::core::result::Result::Ok(Self {
            conv_0: ::cnn_runtime::layers::Conv2d::new(
                params.pp("0"),
                ::cnn_runtime::layers::Conv2dConfig::new(1, 6, [5, 5]),
            )?,
            conv_3: ::cnn_runtime::layers::Conv2d::new(
                params.pp("3"),
                ::cnn_runtime::layers::Conv2dConfig::new(6, 16, [5, 5]),
            )?,
            fc_6: ::cnn_runtime::layers::Linear::new(
                params.pp("6"),
                ::cnn_runtime::layers::LinearConfig::new(400, 120),
            )?,
            fc_8: ::cnn_runtime::layers::Linear::new(
                params.pp("8"),
                ::cnn_runtime::layers::LinearConfig::new(120, 84),
            )?,
            fc_10: ::cnn_runtime::layers::Linear::new(
                params.pp("10"),
                ::cnn_runtime::layers::LinearConfig::new(84, 10),
            )?,
            state: params.state(),
        })
    }
    /// The network's output as in inference: running statistics, no dropout.
    ///
    /// # Errors
    /// Where the input has another shape, element type or device than the network takes.
    pub fn forward(
        &self,
        x: impl ::cnn_runtime::Input<::cnn_runtime::Chw<1, 32, 32>>,
    ) -> ::cnn_runtime::Result<::cnn_runtime::Batch<::cnn_runtime::Flat<10>>> {
        self.checked_run(x, &::cnn_runtime::Pass::eval())
    }
    /// The network's output as in training: batch statistics (the running ones are updated), dropout
    /// from the network's own generator. Where [`Self::compile_training`] has a plan, the plan runs.
    ///
    /// # Errors
    /// As [`Self::forward`]; and a batch normalization that sees one value a channel.
    pub fn forward_train(
        &self,
        x: impl ::cnn_runtime::Input<::cnn_runtime::Chw<1, 32, 32>>,
    ) -> ::cnn_runtime::Result<::cnn_runtime::Batch<::cnn_runtime::Flat<10>>> {
        let x = ::cnn_runtime::Input::<
            ::cnn_runtime::Chw<1, 32, 32>,
        >::into_batch(x, "LeNet5", &self.state)?;
        let output = ::cnn_runtime::plan::training_step(
            &self.state,
            &[&x],
            |options| self.compile_training(options),
            |pass| self.run(&x, pass),
        )?;
        ::core::convert::TryInto::try_into(output)
    }
    /// The output with everything that has a label or a tap, as in inference.
    ///
    /// # Errors
    /// As [`Self::forward`].
    pub fn trace(
        &self,
        x: impl ::cnn_runtime::Input<::cnn_runtime::Chw<1, 32, 32>>,
    ) -> ::cnn_runtime::Result<LeNet5Trace> {
        let pass = ::cnn_runtime::Pass::eval().tracing();
        let output = self.checked_run(x, &pass)?;
        LeNet5Trace::collect(|name| pass.kept(name), output)
    }
    /// What [`Self::trace`] gives, and its gradients: those of the scalar that `of` makes of the output.
    ///
    /// # Errors
    /// As [`Self::forward`]; what `of` says.
    pub fn trace_gradients(
        &self,
        x: impl ::cnn_runtime::Input<::cnn_runtime::Chw<1, 32, 32>>,
        of: impl ::core::ops::FnOnce(
            &::cnn_runtime::Batch<::cnn_runtime::Flat<10>>,
        ) -> ::cnn_runtime::CandleResult<::cnn_runtime::Tensor>,
    ) -> ::cnn_runtime::Result<(LeNet5Trace, LeNet5Trace)> {
        let pass = ::cnn_runtime::Pass::eval().probing();
        let output = self.checked_run(x, &pass)?;
        let output: ::cnn_runtime::Batch<::cnn_runtime::Flat<10>> = ::core::convert::TryInto::try_into(
            pass.keep("output", &output)?,
        )?;
        let gradients = of(&output)?.backward()?;
        let gradient = |name: &str| pass.gradient(name, &gradients);
        ::core::result::Result::Ok((
            LeNet5Trace::collect(|name| pass.kept(name), output)?,
            LeNet5Trace::collect(
                gradient,
                ::core::convert::TryInto::try_into(gradient("output")?)?,
            )?,
        ))
    }
    /// The table of its layers, to print; `summary().lecture()` is the lecture's form.
    #[must_use]
    pub fn summary() -> ::cnn_runtime::Summary {
        ::cnn_runtime::Summary::new(
            "LeNet5",
            &[("", &Self::INPUT)],
            &Self::LAYERS,
            Self::PARAMS,
            ::core::option::Option::Some([Self::MACS, Self::ACTIVATIONS]),
        )
    }
    /// One run between checked inputs and typed outputs.
    fn checked_run(
        &self,
        x: impl ::cnn_runtime::Input<::cnn_runtime::Chw<1, 32, 32>>,
        pass: &::cnn_runtime::Pass,
    ) -> ::cnn_runtime::Result<::cnn_runtime::Batch<::cnn_runtime::Flat<10>>> {
        let x = ::cnn_runtime::Input::<
            ::cnn_runtime::Chw<1, 32, 32>,
        >::into_batch(x, "LeNet5", &self.state)?;
        let output = self.run(&x, pass)?;
        ::core::convert::TryInto::try_into(output)
    }
    /// Compiles the network for inference on batches of one size: the plan has the weights of now.
    ///
    /// # Errors
    /// Where the network is not of `f32`, or the options do not fit it.
    pub fn compile(
        &self,
        options: &::cnn_runtime::CompileOptions,
    ) -> ::cnn_runtime::Result<::cnn_runtime::Plan> {
        let network = ::core::clone::Clone::clone(self);
        ::cnn_runtime::Plan::compile(
            "LeNet5",
            &[("", &Self::INPUT)],
            &self.state,
            options,
            move |inputs| {
                network.record_run(inputs, &::cnn_runtime::Pass::inference())
            },
        )
    }
    /// Compiles the network's training step for batches of one size: it follows the weights.
    ///
    /// # Errors
    /// Where the network is not of `f32`, has several outputs or Rust code as a layer, or the options
    /// do not fit it.
    pub fn compile_training(
        &self,
        options: &::cnn_runtime::CompileOptions,
    ) -> ::cnn_runtime::Result<::cnn_runtime::TrainingPlan> {
        let record = |inputs: &[::cnn_runtime::plan::Traced], pass: &_| {
            self.record_run(inputs, pass)
        };
        ::cnn_runtime::TrainingPlan::compile(
            "LeNet5",
            &[("", &Self::INPUT)],
            &self.state,
            options,
            record,
        )
    }
    /// One run, written down.
    fn record_run(
        &self,
        inputs: &[::cnn_runtime::plan::Traced],
        pass: &::cnn_runtime::Pass<::cnn_runtime::plan::Traced>,
    ) -> ::cnn_runtime::Result<::std::vec::Vec<::cnn_runtime::plan::Traced>> {
        let input = &inputs[0];
        let output = self.run(input, pass)?;
        ::core::result::Result::Ok(::std::vec![output])
    }
    /// Compiles the weights of a file, as [`Self::load`] takes it, without a network in between: they are read
    /// tensor by tensor, as they are packed.
    ///
    /// # Errors
    /// As [`Self::load`] and [`Self::compile`].
    pub fn compile_file(
        path: impl ::core::convert::AsRef<::std::path::Path>,
        options: &::cnn_runtime::CompileOptions,
    ) -> ::cnn_runtime::Result<::cnn_runtime::Plan> {
        Self::from_builder(::cnn_runtime::params::Builder::deferred(path)?)?
            .compile(options)
    }
    /// One run on bare tensors, or on values that note what is done with them.
    #[doc(hidden)]
    pub fn run<V: ::cnn_runtime::Value>(
        &self,
        input: &V,
        pass: &::cnn_runtime::Pass<V>,
    ) -> ::cnn_runtime::CandleResult<V> {
        let mut x = self.conv_0.run(input)?;
        x = x.relu()?;
        x = x.max_pool2d(&::cnn_runtime::Window::new([2, 2]).with_stride([2, 2]))?;
        x = self.conv_3.run(&x)?;
        x = x.relu()?;
        x = x.max_pool2d(&::cnn_runtime::Window::new([2, 2]).with_stride([2, 2]))?;
        x = self.fc_6.run(&x, pass)?;
        x = x.relu()?;
        x = self.fc_8.run(&x, pass)?;
        x = x.relu()?;
        x = self.fc_10.run(&x, pass)?;
        ::core::result::Result::Ok(x)
    }
    /// Every layer, in the order of execution.
    pub const LAYERS: [::cnn_runtime::LayerInfo; 11] = [
        ::cnn_runtime::LayerInfo::new("0", "conv5-6(valid)", &[1, 32, 32], &[6, 28, 28])
            .costs(156, 117600, 4704)
            .weight(&[6, 1, 5, 5])
            .sees(5, 5),
        ::cnn_runtime::LayerInfo::new("1", "relu", &[6, 28, 28], &[6, 28, 28])
            .sees(5, 5),
        ::cnn_runtime::LayerInfo::new("2", "pool2", &[6, 28, 28], &[6, 14, 14])
            .costs(0, 0, 1176)
            .sees(6, 6),
        ::cnn_runtime::LayerInfo::new(
                "3",
                "conv5-16(valid)",
                &[6, 14, 14],
                &[16, 10, 10],
            )
            .costs(2416, 240000, 1600)
            .weight(&[16, 6, 5, 5])
            .sees(14, 14),
        ::cnn_runtime::LayerInfo::new("4", "relu", &[16, 10, 10], &[16, 10, 10])
            .sees(14, 14),
        ::cnn_runtime::LayerInfo::new("5", "pool2", &[16, 10, 10], &[16, 5, 5])
            .costs(0, 0, 400)
            .sees(16, 16),
        ::cnn_runtime::LayerInfo::new("6", "fc120", &[16, 5, 5], &[120])
            .costs(48120, 48000, 120)
            .weight(&[120, 400]),
        ::cnn_runtime::LayerInfo::new("7", "relu", &[120], &[120]),
        ::cnn_runtime::LayerInfo::new("8", "fc84", &[120], &[84])
            .costs(10164, 10080, 84)
            .weight(&[84, 120]),
        ::cnn_runtime::LayerInfo::new("9", "relu", &[84], &[84]),
        ::cnn_runtime::LayerInfo::new("10", "fc10", &[84], &[10])
            .costs(850, 840, 10)
            .weight(&[10, 84]),
    ];
}
#[automatically_derived]
impl ::cnn_runtime::ModuleT for LeNet5 {
    fn forward_t(
        &self,
        xs: &::cnn_runtime::Tensor,
        train: bool,
    ) -> ::cnn_runtime::CandleResult<::cnn_runtime::Tensor> {
        let output = if train { self.forward_train(xs) } else { self.forward(xs) };
        ::core::result::Result::Ok(output?.into_inner())
    }
}
#[automatically_derived]
impl ::cnn_runtime::Network for LeNet5 {
    fn name(&self) -> &'static str {
        "LeNet5"
    }
    fn input_shape(&self) -> &'static [usize] {
        &Self::INPUT
    }
    fn output_shape(&self) -> &'static [usize] {
        &Self::OUTPUT
    }
    fn layers(&self) -> &'static [::cnn_runtime::LayerInfo] {
        &Self::LAYERS
    }
    fn state(&self) -> &::cnn_runtime::State {
        &self.state
    }
    fn summary(&self) -> ::cnn_runtime::Summary {
        Self::summary()
    }
    fn diagram(&self) -> ::cnn_runtime::Diagram {
        Self::diagram()
    }
    fn forward_pass(
        &self,
        x: &::cnn_runtime::Tensor,
        pass: &::cnn_runtime::Pass,
    ) -> ::cnn_runtime::Result<::cnn_runtime::Tensor> {
        ::core::result::Result::Ok(self.checked_run(x, pass)?.into_inner())
    }
    fn compile(
        &self,
        options: &::cnn_runtime::CompileOptions,
    ) -> ::cnn_runtime::Result<::cnn_runtime::Plan> {
        Self::compile(self, options)
    }
    fn compile_training(
        &self,
        options: &::cnn_runtime::CompileOptions,
    ) -> ::cnn_runtime::Result<::cnn_runtime::TrainingPlan> {
        Self::compile_training(self, options)
    }
}
///What [`LeNet5::trace`] saw.
#[derive(Clone, Debug)]
#[allow(dead_code)]
pub struct LeNet5Trace {
    /// The network's output.
    pub output: ::cnn_runtime::Batch<::cnn_runtime::Flat<10>>,
}
#[automatically_derived]
#[allow(dead_code, unused_variables, clippy::all, clippy::pedantic)]
impl LeNet5Trace {
    /// Each by name, in the order of execution, without the output.
    #[must_use]
    pub fn stages(&self) -> [(&'static str, &::cnn_runtime::Tensor); 0] {
        []
    }
    fn collect(
        of: impl ::core::ops::Fn(&str) -> ::cnn_runtime::Result<::cnn_runtime::Tensor>,
        output: ::cnn_runtime::Batch<::cnn_runtime::Flat<10>>,
    ) -> ::cnn_runtime::Result<Self> {
        ::core::result::Result::Ok(Self { output })
    }
}
