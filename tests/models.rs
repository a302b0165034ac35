//! Every network with a twin in torchvision against what that answered (see `models/README.md`).

#[path = "models/check.rs"]
mod check;
#[path = "models/compare.rs"]
mod compare;
#[path = "models/formula.rs"]
mod formula;
#[path = "models/recorded.rs"]
mod recorded;

use cnn_runtime::Network;
use cnn_tests::classics;

#[test]
fn resnet18() {
    let build = |vars: cnn_runtime::VarBuilder<'_>| -> cnn_runtime::Result<Box<dyn Network>> {
        Ok(Box::new(classics::ResNet18::<1000>::from_var_builder(vars)?))
    };
    check::check("resnet18", build, &[]);
}
