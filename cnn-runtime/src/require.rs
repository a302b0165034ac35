//! What must hold of consts and const generics that `network!` cannot see: checked by the compiler, with a message
//! that holds the numbers.
//!
//! ```
//! use cnn_runtime::require::must_be_equal;
//! const WIDTH: usize = 64;
//! const _: () = must_be_equal(WIDTH, 64, "Net: the declared output is [64, 16, 16], but [WIDTH, 16, 16] arrives");
//! ```
//!
//! ```compile_fail,E0080
//! use cnn_runtime::require::must_be_multiple;
//! const WIDTH: usize = 30;
//! const _: () = must_be_multiple(WIDTH, 4, "Net: `gn4`"); // evaluation panicked: Net: `gn4` (30 is not a multiple of 4)
//! ```

/// A text that is put together while the program compiles. What does not fit is cut.
struct Text {
    bytes: [u8; Self::LONGEST],
    length: usize,
}

impl Text {
    const LONGEST: usize = 512;

    const fn new(text: &str) -> Self {
        Self { bytes: [0; Self::LONGEST], length: 0 }.text(text)
    }

    const fn text(mut self, text: &str) -> Self {
        let bytes = text.as_bytes();
        // Only whole texts are added, so that no character is cut.
        if bytes.len() <= Self::LONGEST - self.length {
            let mut at = 0;
            while at < bytes.len() {
                self.bytes[self.length] = bytes[at];
                self.length += 1;
                at += 1;
            }
        }
        self
    }

    const fn number(mut self, number: usize) -> Self {
        // The digits of the largest number are 20.
        let mut digits = [0; 20];
        let (mut rest, mut count) = (number, 0);
        loop {
            digits[count] = b'0' + (rest % 10) as u8;
            rest /= 10;
            count += 1;
            if rest == 0 {
                break;
            }
        }
        if count <= Self::LONGEST - self.length {
            while count > 0 {
                count -= 1;
                self.bytes[self.length] = digits[count];
                self.length += 1;
            }
        }
        self
    }

    const fn as_str(&self) -> &str {
        match core::str::from_utf8(self.bytes.split_at(self.length).0) {
            Ok(text) => text,
            Err(_) => "",
        }
    }
}

#[track_caller]
const fn refuse(message: &str, found: usize, relation: &str, wanted: usize) -> ! {
    let text = Text::new(message).text(" (").number(found).text(relation).number(wanted).text(")");
    panic!("{}", text.as_str())
}

/// Two sizes that meet.
///
/// # Panics
/// Where they differ, with the message and both.
#[track_caller]
pub const fn must_be_equal(found: usize, wanted: usize, message: &str) {
    if found != wanted {
        refuse(message, found, " is not ", wanted);
    }
}

/// A size that must not be smaller than another.
///
/// # Panics
/// Where it is, with the message and both.
#[track_caller]
pub const fn must_be_at_least(found: usize, wanted: usize, message: &str) {
    if found < wanted {
        refuse(message, found, " is less than ", wanted);
    }
}

/// A cost that must not be larger than a limit.
///
/// # Panics
/// Where it is, with the message and both.
#[track_caller]
pub const fn must_be_at_most(found: usize, most: usize, message: &str) {
    if found > most {
        refuse(message, found, " is more than ", most);
    }
}

/// A size that must be a multiple of another.
///
/// # Panics
/// Where it is not (or the other is 0), with the message and both.
#[track_caller]
pub const fn must_be_multiple(found: usize, divisor: usize, message: &str) {
    if divisor == 0 || !found.is_multiple_of(divisor) {
        refuse(message, found, " is not a multiple of ", divisor);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_hold_the_numbers() {
        let message =
            |check: fn()| *std::panic::catch_unwind(check).unwrap_err().downcast::<String>().unwrap();
        assert_eq!(message(|| must_be_equal(30, 32, "Net: a")), "Net: a (30 is not 32)");
        assert_eq!(message(|| must_be_at_least(0, 1, "Net: b")), "Net: b (0 is less than 1)");
        assert_eq!(
            message(|| must_be_at_most(usize::MAX, 10, "Net: c")),
            "Net: c (18446744073709551615 is more than 10)"
        );
        assert_eq!(message(|| must_be_multiple(30, 4, "Net: d")), "Net: d (30 is not a multiple of 4)");
        must_be_equal(3, 3, "");
        must_be_multiple(32, 4, "");
    }
}
