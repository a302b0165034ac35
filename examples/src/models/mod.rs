//! The networks of the papers, a file for each family.
//!
//! Each is a declaration that reads like its paper's table. Those with a twin in torchvision have its tensors' names, so
//! that its weights load as they are.

pub mod alexnet;
pub mod convnext;
pub mod dcgan;
pub mod densenet;
pub mod googlenet;
pub mod lenet;
pub mod mobilenet_v2;
pub mod resnet;
pub mod squeezenet;
pub mod unet;
pub mod vgg;
