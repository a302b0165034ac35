//! Decoders that panic.
//!
//! They return errors, but one in forty thousand damaged files, and some that are only strange, make one panic.

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    /// Whether this thread is decoding: its panics become errors and are not printed.
    static DECODING: Cell<bool> = const { Cell::new(false) };
}

/// Runs a decoder; gives what it panics with as an error. Nothing of the decoder's is used after a panic.
pub(super) fn guarded<T>(decode: impl FnOnce() -> T) -> Result<T, String> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !DECODING.get() {
                print(panic);
            }
        }));
    });
    DECODING.set(true);
    let result = panic::catch_unwind(AssertUnwindSafe(decode));
    DECODING.set(false);
    result.map_err(|panic| format!("its decoder gave up ({})", said(&*panic)))
}

fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a word")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_with_its_words() {
        assert_eq!(guarded(|| 7), Ok(7));
        assert_eq!(
            guarded(|| -> u8 { panic!("no {}", "such table") }),
            Err("its decoder gave up (no such table)".to_owned())
        );
        assert!(!DECODING.get());
    }
}
