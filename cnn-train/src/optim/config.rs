//! What an optimizer is: [`Sgd`], [`Adam`], [`AdamW`], [`RmsProp`], with PyTorch's meaning and defaults.

use serde::Serialize;

use crate::error::{Error, Result};

/// Any of the optimizers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Config {
    /// Stochastic gradient descent.
    Sgd(Sgd),
    /// Adam, weight decay added to the gradient.
    Adam(Adam),
    /// Adam, weight decay taken from the weight.
    AdamW(AdamW),
    /// `RMSprop`.
    RmsProp(RmsProp),
}

/// Stochastic gradient descent, with momentum (Sutskever et al., ICML 2013) or without: `torch.optim.SGD`.
///
/// ```
/// use cnn_train::optim::Sgd;
///
/// let sgd = Sgd::new(0.1).momentum(0.9).nesterov().weight_decay(5e-4).sparing_norms();
/// assert_eq!((sgd.learning_rate, sgd.momentum), (0.1, 0.9));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Sgd {
    /// The learning rate.
    pub learning_rate: f64,
    /// The share of the last steps in the next, 0 by default.
    pub momentum: f64,
    /// Whether the momentum is Nesterov's.
    pub nesterov: bool,
    /// The share of a weight that is added to its gradient, 0 by default.
    pub weight_decay: f64,
    /// Whether biases and norms are left out of the weight decay.
    pub spares_norms: bool,
}

/// Adam (Kingma & Ba, arXiv 1412.6980): `torch.optim.Adam`. Its weight decay is added to the gradient.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Adam {
    /// The learning rate.
    pub learning_rate: f64,
    /// The shares of the two moments that stay in a step, 0.9 and 0.999 by default.
    pub betas: [f64; 2],
    /// Added to the denominator, 1e-8 by default.
    pub eps: f64,
    /// The share of a weight that is added to its gradient, 0 by default.
    pub weight_decay: f64,
    /// Whether the denominator has the largest second moment so far (Reddi, Kale & Kumar, ICLR 2018).
    pub amsgrad: bool,
    /// Whether biases and norms are left out of the weight decay.
    pub spares_norms: bool,
}

/// Adam with decoupled weight decay (Loshchilov & Hutter, arXiv 1711.05101): `torch.optim.AdamW`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct AdamW {
    /// The learning rate.
    pub learning_rate: f64,
    /// The shares of the two moments that stay in a step, 0.9 and 0.999 by default.
    pub betas: [f64; 2],
    /// Added to the denominator, 1e-8 by default.
    pub eps: f64,
    /// What is taken from a weight in a step is this, times the learning rate, times the weight. 0.01 by default.
    pub weight_decay: f64,
    /// Whether the denominator has the largest second moment so far.
    pub amsgrad: bool,
    /// Whether biases and norms are left out of the weight decay.
    pub spares_norms: bool,
}

/// `RMSprop` (Hinton's lecture 6e, 2012; centred: Graves, arXiv 1308.0850): `torch.optim.RMSprop`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RmsProp {
    /// The learning rate.
    pub learning_rate: f64,
    /// The share of the squares' average that stays in a step, 0.99 by default.
    pub alpha: f64,
    /// Added to the denominator, 1e-8 by default.
    pub eps: f64,
    /// The share of a weight that is added to its gradient, 0 by default.
    pub weight_decay: f64,
    /// The share of the last steps in the next, 0 by default.
    pub momentum: f64,
    /// Whether the squares are centred: the gradient's variance instead of its square.
    pub centered: bool,
    /// Whether biases and norms are left out of the weight decay.
    pub spares_norms: bool,
}

/// Functions that several have, and the way into [`Config`].
macro_rules! common {
    ($type:ident) => {
        impl $type {
            /// Sets the weight decay.
            #[must_use]
            pub const fn weight_decay(self, weight_decay: f64) -> Self {
                Self { weight_decay, ..self }
            }

            /// Leaves every parameter of one dimension out of the weight decay: biases, and the scales and shifts of norms
            /// (He et al., arXiv 1812.01187, section 3.1).
            #[must_use]
            pub const fn sparing_norms(self) -> Self {
                Self { spares_norms: true, ..self }
            }
        }

        impl From<$type> for Config {
            fn from(config: $type) -> Self {
                Self::$type(config)
            }
        }
    };
}

common!(Sgd);
common!(Adam);
common!(AdamW);
common!(RmsProp);

/// Functions that the Adams have.
macro_rules! adam {
    ($type:ident, $decay:literal) => {
        impl $type {
            /// PyTorch's defaults, and this learning rate (PyTorch's is 1e-3).
            #[must_use]
            pub const fn new(learning_rate: f64) -> Self {
                Self {
                    learning_rate,
                    betas: [0.9, 0.999],
                    eps: 1e-8,
                    weight_decay: $decay,
                    amsgrad: false,
                    spares_norms: false,
                }
            }

            /// Sets the shares of the moments that stay.
            #[must_use]
            pub const fn betas(self, beta1: f64, beta2: f64) -> Self {
                Self { betas: [beta1, beta2], ..self }
            }

            /// Sets what is added to the denominator.
            #[must_use]
            pub const fn eps(self, eps: f64) -> Self {
                Self { eps, ..self }
            }

            /// Takes the largest second moment so far.
            #[must_use]
            pub const fn amsgrad(self) -> Self {
                Self { amsgrad: true, ..self }
            }
        }
    };
}

adam!(Adam, 0.0);
adam!(AdamW, 0.01);

impl Sgd {
    /// Without momentum and weight decay.
    #[must_use]
    pub const fn new(learning_rate: f64) -> Self {
        Self { learning_rate, momentum: 0.0, nesterov: false, weight_decay: 0.0, spares_norms: false }
    }

    /// Sets the momentum.
    #[must_use]
    pub const fn momentum(self, momentum: f64) -> Self {
        Self { momentum, ..self }
    }

    /// Makes the momentum Nesterov's.
    #[must_use]
    pub const fn nesterov(self) -> Self {
        Self { nesterov: true, ..self }
    }
}

impl RmsProp {
    /// PyTorch's defaults, and this learning rate (PyTorch's is 0.01).
    #[must_use]
    pub const fn new(learning_rate: f64) -> Self {
        Self {
            learning_rate,
            alpha: 0.99,
            eps: 1e-8,
            weight_decay: 0.0,
            momentum: 0.0,
            centered: false,
            spares_norms: false,
        }
    }

    /// Sets the share of the squares' average that stays.
    #[must_use]
    pub const fn alpha(self, alpha: f64) -> Self {
        Self { alpha, ..self }
    }

    /// Sets what is added to the denominator.
    #[must_use]
    pub const fn eps(self, eps: f64) -> Self {
        Self { eps, ..self }
    }

    /// Sets the momentum.
    #[must_use]
    pub const fn momentum(self, momentum: f64) -> Self {
        Self { momentum, ..self }
    }

    /// Centres the squares.
    #[must_use]
    pub const fn centered(self) -> Self {
        Self { centered: true, ..self }
    }
}

impl Config {
    /// The learning rate.
    #[must_use]
    pub const fn learning_rate(&self) -> f64 {
        match self {
            Self::Sgd(Sgd { learning_rate, .. })
            | Self::Adam(Adam { learning_rate, .. })
            | Self::AdamW(AdamW { learning_rate, .. })
            | Self::RmsProp(RmsProp { learning_rate, .. }) => *learning_rate,
        }
    }

    /// Sets the learning rate.
    pub const fn set_learning_rate(&mut self, value: f64) {
        match self {
            Self::Sgd(Sgd { learning_rate, .. })
            | Self::Adam(Adam { learning_rate, .. })
            | Self::AdamW(AdamW { learning_rate, .. })
            | Self::RmsProp(RmsProp { learning_rate, .. }) => *learning_rate = value,
        }
    }

    /// The momentum; Adam's is its first beta.
    #[must_use]
    pub const fn momentum(&self) -> f64 {
        match self {
            Self::Sgd(Sgd { momentum, .. }) | Self::RmsProp(RmsProp { momentum, .. }) => *momentum,
            Self::Adam(Adam { betas, .. }) | Self::AdamW(AdamW { betas, .. }) => betas[0],
        }
    }

    /// Sets the momentum; Adam's is its first beta.
    pub const fn set_momentum(&mut self, value: f64) {
        match self {
            Self::Sgd(Sgd { momentum, .. }) | Self::RmsProp(RmsProp { momentum, .. }) => *momentum = value,
            Self::Adam(Adam { betas, .. }) | Self::AdamW(AdamW { betas, .. }) => betas[0] = value,
        }
    }

    /// Whether biases and norms are left out of the weight decay.
    pub(crate) const fn spares_norms(&self) -> bool {
        match self {
            Self::Sgd(Sgd { spares_norms, .. })
            | Self::Adam(Adam { spares_norms, .. })
            | Self::AdamW(AdamW { spares_norms, .. })
            | Self::RmsProp(RmsProp { spares_norms, .. }) => *spares_norms,
        }
    }

    /// What it keeps of each parameter, in PyTorch's words. Fixed when the optimizer is made.
    pub(crate) fn buffers(&self) -> Vec<&'static str> {
        match self {
            Self::Sgd(sgd) if sgd.momentum == 0.0 => vec![],
            Self::Sgd(_) => vec!["momentum_buffer"],
            Self::Adam(Adam { amsgrad, .. }) | Self::AdamW(AdamW { amsgrad, .. }) => {
                let mut names = vec!["exp_avg", "exp_avg_sq"];
                names.extend(amsgrad.then_some("max_exp_avg_sq"));
                names
            }
            Self::RmsProp(RmsProp { momentum, centered, .. }) => {
                let mut names = vec!["square_avg"];
                names.extend((*momentum > 0.0).then_some("momentum_buffer"));
                names.extend(centered.then_some("grad_avg"));
                names
            }
        }
    }

    /// Refuses numbers that make no sense, as PyTorch does.
    pub(crate) fn check(&self) -> Result<()> {
        let not_negative = |name: &str, value: f64| {
            if value >= 0.0 && value.is_finite() {
                return Ok(());
            }
            Err(Error::Config(format!("expected a {name} of at least 0, found {value}")))
        };
        let share = |name: &str, value: f64| {
            if (0.0..1.0).contains(&value) {
                return Ok(());
            }
            Err(Error::Config(format!("expected a {name} from 0 to below 1, found {value}")))
        };
        not_negative("learning rate", self.learning_rate())?;
        match *self {
            Self::Sgd(Sgd { momentum, nesterov, weight_decay, .. }) => {
                not_negative("momentum", momentum)?;
                not_negative("weight decay", weight_decay)?;
                if nesterov && momentum == 0.0 {
                    return Err(Error::Config("Nesterov's momentum needs a momentum above 0".to_owned()));
                }
                Ok(())
            }
            Self::Adam(Adam { betas, eps, weight_decay, .. })
            | Self::AdamW(AdamW { betas, eps, weight_decay, .. }) => {
                share("first beta", betas[0])?;
                share("second beta", betas[1])?;
                not_negative("eps", eps)?;
                not_negative("weight decay", weight_decay)
            }
            Self::RmsProp(RmsProp { alpha, eps, weight_decay, momentum, .. }) => {
                not_negative("alpha", alpha)?;
                not_negative("eps", eps)?;
                not_negative("momentum", momentum)?;
                not_negative("weight decay", weight_decay)
            }
        }
    }
}
