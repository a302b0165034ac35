///What the words of the declaration mean, for the editor.
const _: &[::cnn_runtime::dsl::Word] = &[
    ::cnn_runtime::dsl::residual,
    ::cnn_runtime::dsl::conv,
    ::cnn_runtime::dsl::bn,
    ::cnn_runtime::dsl::relu,
    ::cnn_runtime::dsl::conv,
    ::cnn_runtime::dsl::bn,
    ::cnn_runtime::dsl::conv,
    ::cnn_runtime::dsl::bn,
    ::cnn_runtime::dsl::relu,
    ::cnn_runtime::dsl::conv,
    ::cnn_runtime::dsl::bn,
    ::cnn_runtime::dsl::relu,
    ::cnn_runtime::dsl::pool,
    ::cnn_runtime::dsl::gap,
    ::cnn_runtime::dsl::fc,
];
///Where its blocks and taps are named, for the editor.
#[allow(unused, nonstandard_style, clippy::all, clippy::pedantic)]
const _: () = {
    struct Basic;
    fn definitions() {
        let _ = Basic;
        let _ = Basic;
        let _ = Basic;
        let _ = Basic;
    }
};
/// ResNet-18 (He et al., 2015), with torchvision's names.
///
///Takes 3x224x224, gives CLASSES.
///
/// | path | layer | output | parameters | MACs | sees |
/// | --- | --- | --- | ---: | ---: | --- |
/// | conv1 | `conv7-64/2` | 64x112x112 | 9,408 | 118,013,952 | 7x7 |
/// | bn1 | `bn` | 64x112x112 | 128 |  | 7x7 |
/// | 2 | `relu` | 64x112x112 |  |  | 7x7 |
/// | 3 | `pool3/2(pad=1)` | 64x56x56 |  |  | 11x11 |
/// | layer1.0.conv1 | `conv3-c/stride` | 64x56x56 | 36,864 | 115,605,504 | 19x19 |
/// | layer1.0.bn1 | `bn` | 64x56x56 | 128 |  | 19x19 |
/// | layer1.0.2 | `relu` | 64x56x56 |  |  | 19x19 |
/// | layer1.0.conv2 | `conv3-c` | 64x56x56 | 36,864 | 115,605,504 | 27x27 |
/// | layer1.0.bn2 | `bn` | 64x56x56 | 128 |  | 27x27 |
/// | layer1.0.5 | `relu` | 64x56x56 |  |  | 27x27 |
/// | layer1.1.conv1 | `conv3-c/stride` | 64x56x56 | 36,864 | 115,605,504 | 35x35 |
/// | layer1.1.bn1 | `bn` | 64x56x56 | 128 |  | 35x35 |
/// | layer1.1.2 | `relu` | 64x56x56 |  |  | 35x35 |
/// | layer1.1.conv2 | `conv3-c` | 64x56x56 | 36,864 | 115,605,504 | 43x43 |
/// | layer1.1.bn2 | `bn` | 64x56x56 | 128 |  | 43x43 |
/// | layer1.1.5 | `relu` | 64x56x56 |  |  | 43x43 |
/// | layer2.0.conv1 | `conv3-c/stride` | 128x28x28 | 73,728 | 57,802,752 | 51x51 |
/// | layer2.0.bn1 | `bn` | 128x28x28 | 256 |  | 51x51 |
/// | layer2.0.2 | `relu` | 128x28x28 |  |  | 51x51 |
/// | layer2.0.conv2 | `conv3-c` | 128x28x28 | 147,456 | 115,605,504 | 67x67 |
/// | layer2.0.bn2 | `bn` | 128x28x28 | 256 |  | 67x67 |
/// | layer2.0.downsample.0 | `conv1-c/stride` | 128x28x28 | 8,192 | 6,422,528 | 43x43 |
/// | layer2.0.downsample.1 | `bn` | 128x28x28 | 256 |  | 43x43 |
/// | layer2.0.5 | `relu` | 128x28x28 |  |  | 67x67 |
/// | layer2.1.conv1 | `conv3-c/stride` | 128x28x28 | 147,456 | 115,605,504 | 83x83 |
/// | layer2.1.bn1 | `bn` | 128x28x28 | 256 |  | 83x83 |
/// | layer2.1.2 | `relu` | 128x28x28 |  |  | 83x83 |
/// | layer2.1.conv2 | `conv3-c` | 128x28x28 | 147,456 | 115,605,504 | 99x99 |
/// | layer2.1.bn2 | `bn` | 128x28x28 | 256 |  | 99x99 |
/// | layer2.1.5 | `relu` | 128x28x28 |  |  | 99x99 |
/// | layer3.0.conv1 | `conv3-c/stride` | 256x14x14 | 294,912 | 57,802,752 | 115x115 |
/// | layer3.0.bn1 | `bn` | 256x14x14 | 512 |  | 115x115 |
/// | layer3.0.2 | `relu` | 256x14x14 |  |  | 115x115 |
/// | layer3.0.conv2 | `conv3-c` | 256x14x14 | 589,824 | 115,605,504 | 147x147 |
/// | layer3.0.bn2 | `bn` | 256x14x14 | 512 |  | 147x147 |
/// | layer3.0.downsample.0 | `conv1-c/stride` | 256x14x14 | 32,768 | 6,422,528 | 99x99 |
/// | layer3.0.downsample.1 | `bn` | 256x14x14 | 512 |  | 99x99 |
/// | layer3.0.5 | `relu` | 256x14x14 |  |  | 147x147 |
/// | layer3.1.conv1 | `conv3-c/stride` | 256x14x14 | 589,824 | 115,605,504 | 179x179 |
/// | layer3.1.bn1 | `bn` | 256x14x14 | 512 |  | 179x179 |
/// | layer3.1.2 | `relu` | 256x14x14 |  |  | 179x179 |
/// | layer3.1.conv2 | `conv3-c` | 256x14x14 | 589,824 | 115,605,504 | 211x211 |
/// | layer3.1.bn2 | `bn` | 256x14x14 | 512 |  | 211x211 |
/// | layer3.1.5 | `relu` | 256x14x14 |  |  | 211x211 |
/// | layer4.0.conv1 | `conv3-c/stride` | 512x7x7 | 1,179,648 | 57,802,752 | 243x243 |
/// | layer4.0.bn1 | `bn` | 512x7x7 | 1,024 |  | 243x243 |
/// | layer4.0.2 | `relu` | 512x7x7 |  |  | 243x243 |
/// | layer4.0.conv2 | `conv3-c` | 512x7x7 | 2,359,296 | 115,605,504 | 307x307 |
/// | layer4.0.bn2 | `bn` | 512x7x7 | 1,024 |  | 307x307 |
/// | layer4.0.downsample.0 | `conv1-c/stride` | 512x7x7 | 131,072 | 6,422,528 | 211x211 |
/// | layer4.0.downsample.1 | `bn` | 512x7x7 | 1,024 |  | 211x211 |
/// | layer4.0.5 | `relu` | 512x7x7 |  |  | 307x307 |
/// | layer4.1.conv1 | `conv3-c/stride` | 512x7x7 | 2,359,296 | 115,605,504 | 371x371 |
/// | layer4.1.bn1 | `bn` | 512x7x7 | 1,024 |  | 371x371 |
/// | layer4.1.2 | `relu` | 512x7x7 |  |  | 371x371 |
/// | layer4.1.conv2 | `conv3-c` | 512x7x7 | 2,359,296 | 115,605,504 | 435x435 |
/// | layer4.1.bn2 | `bn` | 512x7x7 | 1,024 |  | 435x435 |
/// | layer4.1.5 | `relu` | 512x7x7 |  |  | 435x435 |
/// | 8 | `gap` | 512x1x1 |  |  |  |
/// | fc | `fc-CLASSES` | CLASSES | 513*CLASSES | 512*CLASSES |  |
/// | **total** | | | **513*CLASSES + 11176512** | **512*CLASSES + 1813561344** | |
///
/// [`ResNet18::diagram`] draws it.
#[derive(Clone, Debug)]
pub struct ResNet18<const CLASSES: usize = 1000> {
    ///`conv7-64/2`: 3x224x224 to 64x112x112.
    pub conv1: ::cnn_runtime::layers::Conv2d,
    ///`bn`: 64x112x112 to 64x112x112.
    pub bn1: ::cnn_runtime::layers::BatchNorm2d,
    ///`Basic(64)`: 64x56x56 to 64x56x56
    pub layer1: [ResNet18Basic; 2],
    ///`Basic(128)`: 64x56x56 to 128x28x28
    pub layer2: [ResNet18Basic; 2],
    ///`Basic(256)`: 128x28x28 to 256x14x14
    pub layer3: [ResNet18Basic; 2],
    ///`Basic(512)`: 256x14x14 to 512x7x7
    pub layer4: [ResNet18Basic; 2],
    ///`fc-CLASSES`: 512x1x1 to CLASSES.
    pub fc: ::cnn_runtime::layers::Linear,
    state: ::cnn_runtime::State,
}
///<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 207 656" width="207" height="656" role="img" font-family="ui-monospace, Menlo, Consolas, monospace" fill="currentColor" text-anchor="middle">
///<title>ResNet18</title>
///<path fill="none" stroke="currentColor" stroke-opacity=".6" d="M103 32V64m-4 -5 4 5 4 -5M103 102V134m-4 -5 4 5 4 -5M103 172V204m-4 -5 4 5 4 -5M103 242V274m-4 -5 4 5 4 -5M103 312V344m-4 -5 4 5 4 -5M103 382V414m-4 -5 4 5 4 -5M103 452V484m-4 -5 4 5 4 -5M103 522V554m-4 -5 4 5 4 -5M103 592V624m-4 -5 4 5 4 -5"/>
///<g fill="#4a8fe0" fill-opacity=".2" stroke="#4a8fe0">
///<rect x="23" y="64" width="161" height="38" rx="5"/>
///</g>
///<g fill="#e0604a" fill-opacity=".2" stroke="#e0604a">
///<rect x="42" y="134" width="123" height="38" rx="5"/>
///<rect x="82" y="484" width="42" height="38" rx="5"/>
///</g>
///<g fill="#3fae68" fill-opacity=".2" stroke="#3fae68">
///<rect x="14" y="554" width="179" height="38" rx="5"/>
///</g>
///<g fill="#a06fd6" fill-opacity=".2" stroke="#a06fd6">
///<rect x="14" y="204" width="179" height="38" rx="5"/>
///<rect x="14" y="274" width="179" height="38" rx="5"/>
///<rect x="8" y="344" width="191" height="38" rx="5"/>
///<rect x="8" y="414" width="191" height="38" rx="5"/>
///</g>
///<g fill="currentColor" fill-opacity=".06" stroke="currentColor">
///<rect x="72" y="8" width="63" height="24" rx="12"/>
///<rect x="68" y="624" width="70" height="24" rx="12"/>
///</g>
///<g font-size="12">
///<text x="103" y="24">input</text>
///<text x="103" y="80">conv7-64/2 bn relu</text>
///<text x="103" y="150">pool3/2(pad=1)</text>
///<text x="103" y="220">Basic(64) x2</text>
///<text x="103" y="290">Basic(128) x2/2</text>
///<text x="103" y="360">Basic(256) x2/2</text>
///<text x="103" y="430">Basic(512) x2/2</text>
///<text x="103" y="500">gap</text>
///<text x="103" y="570">fc-CLASSES</text>
///<text x="103" y="640">output</text>
///</g>
///<g font-size="10" fill-opacity=".75">
///<text x="103" y="94">conv1: 9,536 parameters</text>
///<text x="103" y="164">3</text>
///<text x="103" y="234">layer1: 147,968 parameters</text>
///<text x="103" y="304">layer2: 525,568 parameters</text>
///<text x="103" y="374">layer3: 2,099,712 parameters</text>
///<text x="103" y="444">layer4: 8,393,728 parameters</text>
///<text x="103" y="514">8</text>
///<text x="103" y="584">fc: 513*CLASSES parameters</text>
///</g>
///<g font-size="10" text-anchor="start" fill-opacity=".75">
///<text x="109" y="44">3x224x224</text>
///<text x="109" y="114">64x112x112</text>
///<text x="109" y="184">64x56x56</text>
///<text x="109" y="254">64x56x56</text>
///<text x="109" y="324">128x28x28</text>
///<text x="109" y="394">256x14x14</text>
///<text x="109" y="464">512x7x7</text>
///<text x="109" y="534">512x1x1</text>
///<text x="109" y="604">CLASSES</text>
///</g>
///</svg>
#[automatically_derived]
#[allow(dead_code, unused_imports, unused_variables, clippy::all, clippy::pedantic)]
impl<const CLASSES: usize> ResNet18<CLASSES> {
    /// What flows where, to draw as Mermaid, DOT or SVG: its stages, or every layer.
    #[must_use]
    pub fn diagram() -> ::cnn_runtime::Diagram {
        use ::cnn_runtime::diagram::Part;
        ::cnn_runtime::diagram::of(
            "ResNet18",
            &Self::LAYERS,
            &[
                Part::Input("", &[3, 224, 224]),
                Part::Layers(4),
                Part::Call("layer1.0", "Basic(64)"),
                Part::Layers(5),
                Part::Add("layer1.0", &[9, 4], &[64, 56, 56]),
                Part::Layers(1),
                Part::Call("layer1.1", "Basic(64)"),
                Part::Layers(5),
                Part::Add("layer1.1", &[16, 11], &[64, 56, 56]),
                Part::Layers(1),
                Part::Call("layer2.0", "Basic(128)/2"),
                Part::Layers(5),
                Part::After(18),
                Part::Layers(2),
                Part::Add("layer2.0", &[23, 25], &[128, 28, 28]),
                Part::Layers(1),
                Part::Call("layer2.1", "Basic(128)"),
                Part::Layers(5),
                Part::Add("layer2.1", &[32, 27], &[128, 28, 28]),
                Part::Layers(1),
                Part::Call("layer3.0", "Basic(256)/2"),
                Part::Layers(5),
                Part::After(34),
                Part::Layers(2),
                Part::Add("layer3.0", &[39, 41], &[256, 14, 14]),
                Part::Layers(1),
                Part::Call("layer3.1", "Basic(256)"),
                Part::Layers(5),
                Part::Add("layer3.1", &[48, 43], &[256, 14, 14]),
                Part::Layers(1),
                Part::Call("layer4.0", "Basic(512)/2"),
                Part::Layers(5),
                Part::After(50),
                Part::Layers(2),
                Part::Add("layer4.0", &[55, 57], &[512, 7, 7]),
                Part::Layers(1),
                Part::Call("layer4.1", "Basic(512)"),
                Part::Layers(5),
                Part::Add("layer4.1", &[64, 59], &[512, 7, 7]),
                Part::Layers(3),
                Part::Output("", 68),
            ],
        )
    }
}
#[automatically_derived]
#[allow(dead_code, unused_imports, unused_variables, clippy::all, clippy::pedantic)]
impl<const CLASSES: usize> ResNet18<CLASSES> {
    /// Number of learned values.
    pub const PARAMS: usize = 513 * CLASSES + 11176512;
    /// Multiply-accumulates of one sample in convolutions and fully connected layers.
    pub const MACS: usize = 512 * CLASSES + 1813561344;
    /// Values that one sample holds in memory: the input and the outputs of all layers that do
    /// not work in place.
    pub const ACTIVATIONS: usize = CLASSES + 2835456;
    ///The shape that it takes, without the batch dimension; 0 is any size.
    pub const INPUT: [usize; 3] = [3, 224, 224];
    ///The shape that it gives, without the batch dimension; 0 is any size.
    pub const OUTPUT: [usize; 1] = [CLASSES];
    /// Its labels and taps, and their shapes without the batch dimension; 0 is any size.
    pub const STAGES: [(&'static str, &'static [usize]); 7] = [
        ("conv1", &[64, 112, 112]),
        ("bn1", &[64, 112, 112]),
        ("layer1", &[64, 56, 56]),
        ("layer2", &[128, 28, 28]),
        ("layer3", &[256, 14, 14]),
        ("layer4", &[512, 7, 7]),
        ("fc", &[CLASSES]),
    ];
    ///A new `ResNet18` with random weights, PyTorch's default initialization unless `init` says otherwise.
    ///
    /// # Errors
    /// What the device says where it cannot hold the weights.
    pub fn init(
        init: ::cnn_runtime::Init,
        device: &::cnn_runtime::Device,
    ) -> ::cnn_runtime::Result<Self> {
        Self::from_builder(::cnn_runtime::params::Builder::init(&init, device)?)
    }
    ///A `ResNet18` with the weights of a safetensors or PyTorch file, whose names and shapes must be its own (but for one prefix of all).
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
    ///A `ResNet18` with the weights of a file, but for the tensors below `except`, which are initialized.
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
    ///A `ResNet18` whose tensors come from a candle `VarBuilder`.
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
            conv1: ::cnn_runtime::layers::Conv2d::new(
                params.pp("conv1"),
                ::cnn_runtime::layers::Conv2dConfig::new(3, 64, [7, 7])
                    .with_stride([2, 2])
                    .with_padding([3, 3])
                    .without_bias(),
            )?,
            bn1: ::cnn_runtime::layers::BatchNorm2d::new(
                params.pp("bn1"),
                ::cnn_runtime::layers::BatchNormConfig::new(64),
            )?,
            layer1: [
                ResNet18Basic::build(&params.pp("layer1.0"), 64, 64, 1, false)?,
                ResNet18Basic::build(&params.pp("layer1.1"), 64, 64, 1, false)?,
            ],
            layer2: [
                ResNet18Basic::build(&params.pp("layer2.0"), 128, 64, 2, true)?,
                ResNet18Basic::build(&params.pp("layer2.1"), 128, 128, 1, false)?,
            ],
            layer3: [
                ResNet18Basic::build(&params.pp("layer3.0"), 256, 128, 2, true)?,
                ResNet18Basic::build(&params.pp("layer3.1"), 256, 256, 1, false)?,
            ],
            layer4: [
                ResNet18Basic::build(&params.pp("layer4.0"), 512, 256, 2, true)?,
                ResNet18Basic::build(&params.pp("layer4.1"), 512, 512, 1, false)?,
            ],
            fc: ::cnn_runtime::layers::Linear::new(
                params.pp("fc"),
                ::cnn_runtime::layers::LinearConfig::new(512, CLASSES),
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
        x: impl ::cnn_runtime::Input<::cnn_runtime::Chw<3, 224, 224>>,
    ) -> ::cnn_runtime::Result<::cnn_runtime::Batch<::cnn_runtime::Flat<CLASSES>>> {
        self.checked_run(x, &::cnn_runtime::Pass::eval())
    }
    /// The network's output as in training: batch statistics (the running ones are updated), dropout
    /// from the network's own generator. Where [`Self::compile_training`] has a plan, the plan runs.
    ///
    /// # Errors
    /// As [`Self::forward`]; and a batch normalization that sees one value a channel.
    pub fn forward_train(
        &self,
        x: impl ::cnn_runtime::Input<::cnn_runtime::Chw<3, 224, 224>>,
    ) -> ::cnn_runtime::Result<::cnn_runtime::Batch<::cnn_runtime::Flat<CLASSES>>> {
        let x = ::cnn_runtime::Input::<
            ::cnn_runtime::Chw<3, 224, 224>,
        >::into_batch(x, "ResNet18", &self.state)?;
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
        x: impl ::cnn_runtime::Input<::cnn_runtime::Chw<3, 224, 224>>,
    ) -> ::cnn_runtime::Result<ResNet18Trace<CLASSES>> {
        let pass = ::cnn_runtime::Pass::eval().tracing();
        let output = self.checked_run(x, &pass)?;
        ResNet18Trace::collect(|name| pass.kept(name), output)
    }
    /// What [`Self::trace`] gives, and its gradients: those of the scalar that `of` makes of the output.
    ///
    /// # Errors
    /// As [`Self::forward`]; what `of` says.
    pub fn trace_gradients(
        &self,
        x: impl ::cnn_runtime::Input<::cnn_runtime::Chw<3, 224, 224>>,
        of: impl ::core::ops::FnOnce(
            &::cnn_runtime::Batch<::cnn_runtime::Flat<CLASSES>>,
        ) -> ::cnn_runtime::CandleResult<::cnn_runtime::Tensor>,
    ) -> ::cnn_runtime::Result<(ResNet18Trace<CLASSES>, ResNet18Trace<CLASSES>)> {
        let pass = ::cnn_runtime::Pass::eval().probing();
        let output = self.checked_run(x, &pass)?;
        let output: ::cnn_runtime::Batch<::cnn_runtime::Flat<CLASSES>> = ::core::convert::TryInto::try_into(
            pass.keep("output", &output)?,
        )?;
        let gradients = of(&output)?.backward()?;
        let gradient = |name: &str| pass.gradient(name, &gradients);
        ::core::result::Result::Ok((
            ResNet18Trace::collect(|name| pass.kept(name), output)?,
            ResNet18Trace::collect(
                gradient,
                ::core::convert::TryInto::try_into(gradient("output")?)?,
            )?,
        ))
    }
    /// The table of its layers, to print; `summary().lecture()` is the lecture's form.
    #[must_use]
    pub fn summary() -> ::cnn_runtime::Summary {
        ::cnn_runtime::Summary::new(
            "ResNet18",
            &[("", &Self::INPUT)],
            &Self::LAYERS,
            Self::PARAMS,
            ::core::option::Option::Some([Self::MACS, Self::ACTIVATIONS]),
        )
    }
    /// One run between checked inputs and typed outputs.
    fn checked_run(
        &self,
        x: impl ::cnn_runtime::Input<::cnn_runtime::Chw<3, 224, 224>>,
        pass: &::cnn_runtime::Pass,
    ) -> ::cnn_runtime::Result<::cnn_runtime::Batch<::cnn_runtime::Flat<CLASSES>>> {
        let x = ::cnn_runtime::Input::<
            ::cnn_runtime::Chw<3, 224, 224>,
        >::into_batch(x, "ResNet18", &self.state)?;
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
            "ResNet18",
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
            "ResNet18",
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
        let mut x = self.conv1.run(input)?;
        x = pass.keep("conv1", &x)?;
        x = self.bn1.run(&x, pass)?;
        x = pass.keep("bn1", &x)?;
        x = x.relu()?;
        x = x
            .max_pool2d(
                &::cnn_runtime::Window::new([3, 3])
                    .with_stride([2, 2])
                    .with_padding([1, 1]),
            )?;
        x = self
            .layer1
            .iter()
            .try_fold(::core::clone::Clone::clone(&x), |x, block| block.run(&x, pass))?;
        x = pass.keep("layer1", &x)?;
        x = self
            .layer2
            .iter()
            .try_fold(::core::clone::Clone::clone(&x), |x, block| block.run(&x, pass))?;
        x = pass.keep("layer2", &x)?;
        x = self
            .layer3
            .iter()
            .try_fold(::core::clone::Clone::clone(&x), |x, block| block.run(&x, pass))?;
        x = pass.keep("layer3", &x)?;
        x = self
            .layer4
            .iter()
            .try_fold(::core::clone::Clone::clone(&x), |x, block| block.run(&x, pass))?;
        x = pass.keep("layer4", &x)?;
        x = x.global_avg_pool2d()?;
        x = self.fc.run(&x, pass)?;
        x = pass.keep("fc", &x)?;
        ::core::result::Result::Ok(x)
    }
    /// Every layer, in the order of execution.
    pub const LAYERS: [::cnn_runtime::LayerInfo; 60] = [
        ::cnn_runtime::LayerInfo::new(
                "conv1",
                "conv7-64/2",
                &[3, 224, 224],
                &[64, 112, 112],
            )
            .costs(9408, 118013952, 802816)
            .weight(&[64, 3, 7, 7])
            .sees(7, 7),
        ::cnn_runtime::LayerInfo::new("bn1", "bn", &[64, 112, 112], &[64, 112, 112])
            .costs(128, 0, 0)
            .sees(7, 7),
        ::cnn_runtime::LayerInfo::new("2", "relu", &[64, 112, 112], &[64, 112, 112])
            .sees(7, 7),
        ::cnn_runtime::LayerInfo::new(
                "3",
                "pool3/2(pad=1)",
                &[64, 112, 112],
                &[64, 56, 56],
            )
            .costs(0, 0, 200704)
            .sees(11, 11),
        ::cnn_runtime::LayerInfo::new(
                "layer1.0.conv1",
                "conv3-c/stride",
                &[64, 56, 56],
                &[64, 56, 56],
            )
            .costs(36864, 115605504, 200704)
            .weight(&[64, 64, 3, 3])
            .sees(19, 19),
        ::cnn_runtime::LayerInfo::new("layer1.0.bn1", "bn", &[64, 56, 56], &[64, 56, 56])
            .costs(128, 0, 0)
            .sees(19, 19),
        ::cnn_runtime::LayerInfo::new("layer1.0.2", "relu", &[64, 56, 56], &[64, 56, 56])
            .sees(19, 19),
        ::cnn_runtime::LayerInfo::new(
                "layer1.0.conv2",
                "conv3-c",
                &[64, 56, 56],
                &[64, 56, 56],
            )
            .costs(36864, 115605504, 200704)
            .weight(&[64, 64, 3, 3])
            .sees(27, 27),
        ::cnn_runtime::LayerInfo::new("layer1.0.bn2", "bn", &[64, 56, 56], &[64, 56, 56])
            .costs(128, 0, 0)
            .sees(27, 27),
        ::cnn_runtime::LayerInfo::new("layer1.0.5", "relu", &[64, 56, 56], &[64, 56, 56])
            .sees(27, 27),
        ::cnn_runtime::LayerInfo::new(
                "layer1.1.conv1",
                "conv3-c/stride",
                &[64, 56, 56],
                &[64, 56, 56],
            )
            .costs(36864, 115605504, 200704)
            .weight(&[64, 64, 3, 3])
            .sees(35, 35),
        ::cnn_runtime::LayerInfo::new("layer1.1.bn1", "bn", &[64, 56, 56], &[64, 56, 56])
            .costs(128, 0, 0)
            .sees(35, 35),
        ::cnn_runtime::LayerInfo::new("layer1.1.2", "relu", &[64, 56, 56], &[64, 56, 56])
            .sees(35, 35),
        ::cnn_runtime::LayerInfo::new(
                "layer1.1.conv2",
                "conv3-c",
                &[64, 56, 56],
                &[64, 56, 56],
            )
            .costs(36864, 115605504, 200704)
            .weight(&[64, 64, 3, 3])
            .sees(43, 43),
        ::cnn_runtime::LayerInfo::new("layer1.1.bn2", "bn", &[64, 56, 56], &[64, 56, 56])
            .costs(128, 0, 0)
            .sees(43, 43),
        ::cnn_runtime::LayerInfo::new("layer1.1.5", "relu", &[64, 56, 56], &[64, 56, 56])
            .sees(43, 43),
        ::cnn_runtime::LayerInfo::new(
                "layer2.0.conv1",
                "conv3-c/stride",
                &[64, 56, 56],
                &[128, 28, 28],
            )
            .costs(73728, 57802752, 100352)
            .weight(&[128, 64, 3, 3])
            .sees(51, 51),
        ::cnn_runtime::LayerInfo::new(
                "layer2.0.bn1",
                "bn",
                &[128, 28, 28],
                &[128, 28, 28],
            )
            .costs(256, 0, 0)
            .sees(51, 51),
        ::cnn_runtime::LayerInfo::new(
                "layer2.0.2",
                "relu",
                &[128, 28, 28],
                &[128, 28, 28],
            )
            .sees(51, 51),
        ::cnn_runtime::LayerInfo::new(
                "layer2.0.conv2",
                "conv3-c",
                &[128, 28, 28],
                &[128, 28, 28],
            )
            .costs(147456, 115605504, 100352)
            .weight(&[128, 128, 3, 3])
            .sees(67, 67),
        ::cnn_runtime::LayerInfo::new(
                "layer2.0.bn2",
                "bn",
                &[128, 28, 28],
                &[128, 28, 28],
            )
            .costs(256, 0, 0)
            .sees(67, 67),
        ::cnn_runtime::LayerInfo::new(
                "layer2.0.downsample.0",
                "conv1-c/stride",
                &[64, 56, 56],
                &[128, 28, 28],
            )
            .costs(8192, 6422528, 100352)
            .weight(&[128, 64, 1, 1])
            .sees(43, 43),
        ::cnn_runtime::LayerInfo::new(
                "layer2.0.downsample.1",
                "bn",
                &[128, 28, 28],
                &[128, 28, 28],
            )
            .costs(256, 0, 0)
            .sees(43, 43),
        ::cnn_runtime::LayerInfo::new(
                "layer2.0.5",
                "relu",
                &[128, 28, 28],
                &[128, 28, 28],
            )
            .sees(67, 67),
        ::cnn_runtime::LayerInfo::new(
                "layer2.1.conv1",
                "conv3-c/stride",
                &[128, 28, 28],
                &[128, 28, 28],
            )
            .costs(147456, 115605504, 100352)
            .weight(&[128, 128, 3, 3])
            .sees(83, 83),
        ::cnn_runtime::LayerInfo::new(
                "layer2.1.bn1",
                "bn",
                &[128, 28, 28],
                &[128, 28, 28],
            )
            .costs(256, 0, 0)
            .sees(83, 83),
        ::cnn_runtime::LayerInfo::new(
                "layer2.1.2",
                "relu",
                &[128, 28, 28],
                &[128, 28, 28],
            )
            .sees(83, 83),
        ::cnn_runtime::LayerInfo::new(
                "layer2.1.conv2",
                "conv3-c",
                &[128, 28, 28],
                &[128, 28, 28],
            )
            .costs(147456, 115605504, 100352)
            .weight(&[128, 128, 3, 3])
            .sees(99, 99),
        ::cnn_runtime::LayerInfo::new(
                "layer2.1.bn2",
                "bn",
                &[128, 28, 28],
                &[128, 28, 28],
            )
            .costs(256, 0, 0)
            .sees(99, 99),
        ::cnn_runtime::LayerInfo::new(
                "layer2.1.5",
                "relu",
                &[128, 28, 28],
                &[128, 28, 28],
            )
            .sees(99, 99),
        ::cnn_runtime::LayerInfo::new(
                "layer3.0.conv1",
                "conv3-c/stride",
                &[128, 28, 28],
                &[256, 14, 14],
            )
            .costs(294912, 57802752, 50176)
            .weight(&[256, 128, 3, 3])
            .sees(115, 115),
        ::cnn_runtime::LayerInfo::new(
                "layer3.0.bn1",
                "bn",
                &[256, 14, 14],
                &[256, 14, 14],
            )
            .costs(512, 0, 0)
            .sees(115, 115),
        ::cnn_runtime::LayerInfo::new(
                "layer3.0.2",
                "relu",
                &[256, 14, 14],
                &[256, 14, 14],
            )
            .sees(115, 115),
        ::cnn_runtime::LayerInfo::new(
                "layer3.0.conv2",
                "conv3-c",
                &[256, 14, 14],
                &[256, 14, 14],
            )
            .costs(589824, 115605504, 50176)
            .weight(&[256, 256, 3, 3])
            .sees(147, 147),
        ::cnn_runtime::LayerInfo::new(
                "layer3.0.bn2",
                "bn",
                &[256, 14, 14],
                &[256, 14, 14],
            )
            .costs(512, 0, 0)
            .sees(147, 147),
        ::cnn_runtime::LayerInfo::new(
                "layer3.0.downsample.0",
                "conv1-c/stride",
                &[128, 28, 28],
                &[256, 14, 14],
            )
            .costs(32768, 6422528, 50176)
            .weight(&[256, 128, 1, 1])
            .sees(99, 99),
        ::cnn_runtime::LayerInfo::new(
                "layer3.0.downsample.1",
                "bn",
                &[256, 14, 14],
                &[256, 14, 14],
            )
            .costs(512, 0, 0)
            .sees(99, 99),
        ::cnn_runtime::LayerInfo::new(
                "layer3.0.5",
                "relu",
                &[256, 14, 14],
                &[256, 14, 14],
            )
            .sees(147, 147),
        ::cnn_runtime::LayerInfo::new(
                "layer3.1.conv1",
                "conv3-c/stride",
                &[256, 14, 14],
                &[256, 14, 14],
            )
            .costs(589824, 115605504, 50176)
            .weight(&[256, 256, 3, 3])
            .sees(179, 179),
        ::cnn_runtime::LayerInfo::new(
                "layer3.1.bn1",
                "bn",
                &[256, 14, 14],
                &[256, 14, 14],
            )
            .costs(512, 0, 0)
            .sees(179, 179),
        ::cnn_runtime::LayerInfo::new(
                "layer3.1.2",
                "relu",
                &[256, 14, 14],
                &[256, 14, 14],
            )
            .sees(179, 179),
        ::cnn_runtime::LayerInfo::new(
                "layer3.1.conv2",
                "conv3-c",
                &[256, 14, 14],
                &[256, 14, 14],
            )
            .costs(589824, 115605504, 50176)
            .weight(&[256, 256, 3, 3])
            .sees(211, 211),
        ::cnn_runtime::LayerInfo::new(
                "layer3.1.bn2",
                "bn",
                &[256, 14, 14],
                &[256, 14, 14],
            )
            .costs(512, 0, 0)
            .sees(211, 211),
        ::cnn_runtime::LayerInfo::new(
                "layer3.1.5",
                "relu",
                &[256, 14, 14],
                &[256, 14, 14],
            )
            .sees(211, 211),
        ::cnn_runtime::LayerInfo::new(
                "layer4.0.conv1",
                "conv3-c/stride",
                &[256, 14, 14],
                &[512, 7, 7],
            )
            .costs(1179648, 57802752, 25088)
            .weight(&[512, 256, 3, 3])
            .sees(243, 243),
        ::cnn_runtime::LayerInfo::new("layer4.0.bn1", "bn", &[512, 7, 7], &[512, 7, 7])
            .costs(1024, 0, 0)
            .sees(243, 243),
        ::cnn_runtime::LayerInfo::new("layer4.0.2", "relu", &[512, 7, 7], &[512, 7, 7])
            .sees(243, 243),
        ::cnn_runtime::LayerInfo::new(
                "layer4.0.conv2",
                "conv3-c",
                &[512, 7, 7],
                &[512, 7, 7],
            )
            .costs(2359296, 115605504, 25088)
            .weight(&[512, 512, 3, 3])
            .sees(307, 307),
        ::cnn_runtime::LayerInfo::new("layer4.0.bn2", "bn", &[512, 7, 7], &[512, 7, 7])
            .costs(1024, 0, 0)
            .sees(307, 307),
        ::cnn_runtime::LayerInfo::new(
                "layer4.0.downsample.0",
                "conv1-c/stride",
                &[256, 14, 14],
                &[512, 7, 7],
            )
            .costs(131072, 6422528, 25088)
            .weight(&[512, 256, 1, 1])
            .sees(211, 211),
        ::cnn_runtime::LayerInfo::new(
                "layer4.0.downsample.1",
                "bn",
                &[512, 7, 7],
                &[512, 7, 7],
            )
            .costs(1024, 0, 0)
            .sees(211, 211),
        ::cnn_runtime::LayerInfo::new("layer4.0.5", "relu", &[512, 7, 7], &[512, 7, 7])
            .sees(307, 307),
        ::cnn_runtime::LayerInfo::new(
                "layer4.1.conv1",
                "conv3-c/stride",
                &[512, 7, 7],
                &[512, 7, 7],
            )
            .costs(2359296, 115605504, 25088)
            .weight(&[512, 512, 3, 3])
            .sees(371, 371),
        ::cnn_runtime::LayerInfo::new("layer4.1.bn1", "bn", &[512, 7, 7], &[512, 7, 7])
            .costs(1024, 0, 0)
            .sees(371, 371),
        ::cnn_runtime::LayerInfo::new("layer4.1.2", "relu", &[512, 7, 7], &[512, 7, 7])
            .sees(371, 371),
        ::cnn_runtime::LayerInfo::new(
                "layer4.1.conv2",
                "conv3-c",
                &[512, 7, 7],
                &[512, 7, 7],
            )
            .costs(2359296, 115605504, 25088)
            .weight(&[512, 512, 3, 3])
            .sees(435, 435),
        ::cnn_runtime::LayerInfo::new("layer4.1.bn2", "bn", &[512, 7, 7], &[512, 7, 7])
            .costs(1024, 0, 0)
            .sees(435, 435),
        ::cnn_runtime::LayerInfo::new("layer4.1.5", "relu", &[512, 7, 7], &[512, 7, 7])
            .sees(435, 435),
        ::cnn_runtime::LayerInfo::new("8", "gap", &[512, 7, 7], &[512, 1, 1])
            .costs(0, 0, 512),
        ::cnn_runtime::LayerInfo::new("fc", "fc-CLASSES", &[512, 1, 1], &[CLASSES])
            .costs(513 * CLASSES, 512 * CLASSES, CLASSES)
            .weight(&[CLASSES, 512]),
    ];
}
#[automatically_derived]
impl<const CLASSES: usize> ::cnn_runtime::ModuleT for ResNet18<CLASSES> {
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
impl<const CLASSES: usize> ::cnn_runtime::Network for ResNet18<CLASSES> {
    fn name(&self) -> &'static str {
        "ResNet18"
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
///What [`ResNet18::trace`] saw.
#[derive(Clone, Debug)]
#[allow(dead_code)]
pub struct ResNet18Trace<const CLASSES: usize> {
    ///64x112x112
    pub conv1: ::cnn_runtime::Batch<::cnn_runtime::Chw<64, 112, 112>>,
    ///64x112x112
    pub bn1: ::cnn_runtime::Batch<::cnn_runtime::Chw<64, 112, 112>>,
    ///64x56x56
    pub layer1: ::cnn_runtime::Batch<::cnn_runtime::Chw<64, 56, 56>>,
    ///128x28x28
    pub layer2: ::cnn_runtime::Batch<::cnn_runtime::Chw<128, 28, 28>>,
    ///256x14x14
    pub layer3: ::cnn_runtime::Batch<::cnn_runtime::Chw<256, 14, 14>>,
    ///512x7x7
    pub layer4: ::cnn_runtime::Batch<::cnn_runtime::Chw<512, 7, 7>>,
    ///CLASSES
    pub fc: ::cnn_runtime::Batch<::cnn_runtime::Flat<CLASSES>>,
    /// The network's output.
    pub output: ::cnn_runtime::Batch<::cnn_runtime::Flat<CLASSES>>,
}
#[automatically_derived]
#[allow(dead_code, unused_variables, clippy::all, clippy::pedantic)]
impl<const CLASSES: usize> ResNet18Trace<CLASSES> {
    /// Each by name, in the order of execution, without the output.
    #[must_use]
    pub fn stages(&self) -> [(&'static str, &::cnn_runtime::Tensor); 7] {
        [
            ("conv1", &self.conv1),
            ("bn1", &self.bn1),
            ("layer1", &self.layer1),
            ("layer2", &self.layer2),
            ("layer3", &self.layer3),
            ("layer4", &self.layer4),
            ("fc", &self.fc),
        ]
    }
    fn collect(
        of: impl ::core::ops::Fn(&str) -> ::cnn_runtime::Result<::cnn_runtime::Tensor>,
        output: ::cnn_runtime::Batch<::cnn_runtime::Flat<CLASSES>>,
    ) -> ::cnn_runtime::Result<Self> {
        ::core::result::Result::Ok(Self {
            conv1: ::core::convert::TryInto::try_into(of("conv1")?)?,
            bn1: ::core::convert::TryInto::try_into(of("bn1")?)?,
            layer1: ::core::convert::TryInto::try_into(of("layer1")?)?,
            layer2: ::core::convert::TryInto::try_into(of("layer2")?)?,
            layer3: ::core::convert::TryInto::try_into(of("layer3")?)?,
            layer4: ::core::convert::TryInto::try_into(of("layer4")?)?,
            fc: ::core::convert::TryInto::try_into(of("fc")?)?,
            output,
        })
    }
}
///The projection of a residual, where the shapes differ.
#[derive(Clone, Debug)]
pub struct ResNet18BasicDownsample {
    ///`conv1-c/stride`.
    pub downsample_0: ::cnn_runtime::layers::Conv2d,
    ///`bn`.
    pub downsample_1: ::cnn_runtime::layers::BatchNorm2d,
}
#[automatically_derived]
#[allow(dead_code, unused_imports, unused_variables, clippy::all, clippy::pedantic)]
impl ResNet18BasicDownsample {
    fn build(
        params: &::cnn_runtime::params::Params<'_>,
        c: usize,
        cin: usize,
    ) -> ::cnn_runtime::Result<Self> {
        ::core::result::Result::Ok(Self {
            downsample_0: ::cnn_runtime::layers::Conv2d::new(
                params.pp("downsample.0"),
                ::cnn_runtime::layers::Conv2dConfig::new(cin, c, [1, 1])
                    .with_stride([2, 2])
                    .without_bias(),
            )?,
            downsample_1: ::cnn_runtime::layers::BatchNorm2d::new(
                params.pp("downsample.1"),
                ::cnn_runtime::layers::BatchNormConfig::new(c),
            )?,
        })
    }
    fn run<V: ::cnn_runtime::Value>(
        &self,
        x: &V,
        pass: &::cnn_runtime::Pass<V>,
    ) -> ::cnn_runtime::CandleResult<V> {
        let mut x = self.downsample_0.run(x)?;
        x = self.downsample_1.run(&x, pass)?;
        ::core::result::Result::Ok(x)
    }
}
///The block `Basic` of [`ResNet18`].
#[derive(Clone, Debug)]
pub struct ResNet18Basic {
    ///`conv3-c/stride`.
    pub conv1: ::cnn_runtime::layers::Conv2d,
    ///`bn`.
    pub bn1: ::cnn_runtime::layers::BatchNorm2d,
    ///`conv3-c`.
    pub conv2: ::cnn_runtime::layers::Conv2d,
    ///`bn`.
    pub bn2: ::cnn_runtime::layers::BatchNorm2d,
    ///The projection, where the shapes differ.
    pub downsample: ::core::option::Option<ResNet18BasicDownsample>,
}
#[automatically_derived]
#[allow(dead_code, unused_imports, unused_variables, clippy::all, clippy::pedantic)]
impl ResNet18Basic {
    fn build(
        params: &::cnn_runtime::params::Params<'_>,
        c: usize,
        cin: usize,
        stride: usize,
        project: bool,
    ) -> ::cnn_runtime::Result<Self> {
        ::core::result::Result::Ok(Self {
            conv1: ::cnn_runtime::layers::Conv2d::new(
                params.pp("conv1"),
                ::cnn_runtime::layers::Conv2dConfig::new(cin, c, [3, 3])
                    .with_stride([stride, stride])
                    .with_padding([1, 1])
                    .without_bias(),
            )?,
            bn1: ::cnn_runtime::layers::BatchNorm2d::new(
                params.pp("bn1"),
                ::cnn_runtime::layers::BatchNormConfig::new(c),
            )?,
            conv2: ::cnn_runtime::layers::Conv2d::new(
                params.pp("conv2"),
                ::cnn_runtime::layers::Conv2dConfig::new(c, c, [3, 3])
                    .with_padding([1, 1])
                    .without_bias(),
            )?,
            bn2: ::cnn_runtime::layers::BatchNorm2d::new(
                params.pp("bn2"),
                ::cnn_runtime::layers::BatchNormConfig::new(c),
            )?,
            downsample: if project {
                ::core::option::Option::Some(
                    ResNet18BasicDownsample::build(params, c, cin)?,
                )
            } else {
                ::core::option::Option::None
            },
        })
    }
    fn run<V: ::cnn_runtime::Value>(
        &self,
        x: &V,
        pass: &::cnn_runtime::Pass<V>,
    ) -> ::cnn_runtime::CandleResult<V> {
        let mut x = {
            let body = {
                let mut x = self.conv1.run(x)?;
                x = self.bn1.run(&x, pass)?;
                x = x.relu()?;
                x = self.conv2.run(&x)?;
                x = self.bn2.run(&x, pass)?;
                x
            };
            let shortcut = match &self.downsample {
                ::core::option::Option::Some(projection) => projection.run(x, pass)?,
                ::core::option::Option::None => ::core::clone::Clone::clone(x),
            };
            body.add(&shortcut)?
        };
        x = x.relu()?;
        ::core::result::Result::Ok(x)
    }
}
