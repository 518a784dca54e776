//! Texts that people type: their limits are counted in characters, and control characters are refused.

/// What is wrong with a text, as a sentence about the field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidText {
    /// Nothing but white space where something is needed.
    #[error("must not be empty")]
    Empty,
    /// Too long.
    #[error("must have at most {max} characters, has {length}")]
    TooLong {
        /// The limit.
        max: usize,
        /// What came.
        length: usize,
    },
    /// A control character, which no keyboard makes and which breaks logs and screens.
    #[error("must not contain control characters")]
    Control,
}

/// A single line, trimmed; `min` 0 allows an empty one.
///
/// # Errors
/// When it is empty, too long or has a control character.
pub fn line(text: &str, min: usize, max: usize) -> Result<String, InvalidText> {
    check(text.trim(), min, max, |_| false)
}

/// A text of several lines, as typed; line breaks and tabs are allowed.
///
/// # Errors
/// When it is empty, too long or has another control character.
pub fn body(text: &str, min: usize, max: usize) -> Result<String, InvalidText> {
    if min > 0 && is_blank(text) {
        return Err(InvalidText::Empty);
    }
    check(text, min, max, |c| matches!(c, '\n' | '\r' | '\t'))
}

/// The first `max` characters.
pub fn truncate(text: &str, max: usize) -> String {
    text.chars().take(max).collect()
}

fn check(
    text: &str,
    min: usize,
    max: usize,
    allowed: fn(char) -> bool,
) -> Result<String, InvalidText> {
    let length = text.chars().count();
    if length < min || (min > 0 && is_blank(text)) {
        return Err(InvalidText::Empty);
    }
    if length > max {
        return Err(InvalidText::TooLong { max, length });
    }
    if text
        .chars()
        .any(|c| (c.is_control() || is_bidi_override(c)) && !allowed(c))
    {
        return Err(InvalidText::Control);
    }
    Ok(text.to_owned())
}

// what shows nothing says nothing: zero-width characters make a row that looks empty
fn is_blank(text: &str) -> bool {
    text.chars().all(|c| {
        c.is_whitespace()
            || matches!(c, '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{2060}'..='\u{2064}' | '\u{2800}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{E0000}'..='\u{E0FFF}')
    })
}

// overrides reorder what a reader sees, so that a title can pretend to be another
fn is_bidi_override(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_count_characters_and_control_characters_are_refused() {
        assert_eq!(line("  Hélp ", 1, 4), Ok("Hélp".into()));
        assert_eq!(
            line("Hélps", 1, 4),
            Err(InvalidText::TooLong { max: 4, length: 5 })
        );
        assert_eq!(line("   ", 1, 4), Err(InvalidText::Empty));
        assert_eq!(line("a\nb", 1, 4), Err(InvalidText::Control));
        assert_eq!(body("a\n\tb", 1, 4), Ok("a\n\tb".into()));
        assert_eq!(body(" \n", 1, 4), Err(InvalidText::Empty));
        assert_eq!(line("\u{200B}\u{2060}", 1, 4), Err(InvalidText::Empty));
        for blank in ["\u{61C}", "\u{34F}", "\u{17B4}", "\u{E0020}"] {
            assert_eq!(line(blank, 1, 4), Err(InvalidText::Empty), "{blank:?}");
        }
        assert_eq!(body("\u{200B}\n", 1, 4), Err(InvalidText::Empty));
        assert_eq!(body("a\0b", 1, 4), Err(InvalidText::Control));
        assert_eq!(line("a\u{202E}b", 1, 4), Err(InvalidText::Control));
    }
}
