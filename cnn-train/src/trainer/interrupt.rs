//! Ctrl-C.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::error::{Error, Result};

/// Runs that stop on Ctrl-C.
static LISTENING: AtomicUsize = AtomicUsize::new(0);
/// Whether Ctrl-C came while one did.
static ASKED: AtomicBool = AtomicBool::new(false);

/// What a process gives that Ctrl-C ended.
const EXIT_CODE: i32 = 130;

/// While it lives, Ctrl-C is taken down instead of ending the process.
#[derive(Debug)]
pub(super) struct Interrupt(());

impl Interrupt {
    pub(super) fn listen() -> Result<Self> {
        // A process has one handler, which stays.
        static HANDLER: OnceLock<Result<(), String>> = OnceLock::new();
        let handler = HANDLER.get_or_init(|| {
            let handle = || {
                if LISTENING.load(Ordering::SeqCst) == 0 || ASKED.swap(true, Ordering::SeqCst) {
                    std::process::exit(EXIT_CODE);
                }
            };
            ctrlc::set_handler(handle).map_err(|error| error.to_string())
        });
        if let Err(error) = handler {
            return Err(Error::Config(format!(
                "Ctrl-C cannot be listened to, leave out `stop_on_ctrl_c`: {error}"
            )));
        }
        if LISTENING.fetch_add(1, Ordering::SeqCst) == 0 {
            ASKED.store(false, Ordering::SeqCst);
        }
        Ok(Self(()))
    }

    pub(super) fn asked(&self) -> bool {
        ASKED.load(Ordering::SeqCst)
    }
}

impl Drop for Interrupt {
    fn drop(&mut self) {
        LISTENING.fetch_sub(1, Ordering::SeqCst);
    }
}
