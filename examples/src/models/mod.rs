//! The networks of the papers, a file for each family.
//!
//! Each is a declaration that reads like its paper's table. Those with a twin in torchvision have its tensors' names, so
//! that its weights load as they are. Labels and taps (`@stride8`: a picture's side is eight times as long) name what
//! `trace` shows.

pub mod alexnet;
pub mod cifar;
pub mod convnext;
pub mod dcgan;
pub mod densenet;
pub mod efficientnet;
pub mod googlenet;
pub mod lecture;
pub mod lenet;
pub mod mobilenet_v2;
pub mod mobilenet_v3;
pub mod resnet;
pub mod shufflenet_v2;
pub mod squeezenet;
pub mod unet;
pub mod vgg;
pub mod zoo;
