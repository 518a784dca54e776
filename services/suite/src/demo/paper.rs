//! How the story looks on a terminal.

use anstream::println;
use proto::bff::v1::TicketDetail;

use super::seen::{HomeSeen, Seen};

const WIDTH: usize = 84;

/// Colours on a terminal that wants them, plain text elsewhere.
#[derive(Default)]
pub(super) struct Paper {
    scene: u32,
}

impl Paper {
    /// A title page.
    pub(super) fn title(&self, title: &str, text: &str) {
        println!("\n{}\n{}", paint("1", title), "═".repeat(WIDTH));
        println!("{}", wrap(text, "", WIDTH));
    }

    /// A scene's heading and promise.
    pub(super) fn scene(&mut self, title: &str, promise: &str) {
        self.scene += 1;
        let heading = format!("── {} · {title} ", self.scene);
        let line = "─".repeat(WIDTH.saturating_sub(heading.chars().count()));
        println!("\n\n{}", paint("1;36", &format!("{heading}{line}")));
        println!("{}\n", paint("3", &wrap(promise, "   ", WIDTH)));
    }

    /// Something that somebody does.
    pub(super) fn act(&self, text: &str) {
        println!(
            "{}",
            wrap(&format!("▸ {text}"), "   ", WIDTH).replace("\n   ", "\n     ")
        );
    }

    /// A ticket's page.
    pub(super) fn page(&self, detail: &TicketDetail) {
        let summary = detail.summary.clone().unwrap_or_default();
        let label = summary.state.unwrap_or_default().label;
        println!("\n   ┌ #{} {} · {label}", summary.number, summary.title);
        println!("   │ {}", detail.description);
        for update in &detail.history {
            let state = update.state.clone().unwrap_or_default();
            println!("   │ {}", paint("2", &format!("• {}", state.label)));
        }
        let action = detail.call_to_action.clone().unwrap_or_default();
        println!("   └ {}", paint("1", &format!("[{}]", action.label)));
    }

    /// What the customer sees, and that it is as promised.
    pub(super) fn show(&self, seen: &Seen) {
        println!();
        for (names, home) in groups(&seen.homes) {
            println!("   {:<14} {}", names, Self::spaces(home));
            if !home.card.is_empty() {
                println!("   {:<14} {}", "", paint("2", "┌ Recent tickets"));
                for title in &home.card {
                    println!("   {:<14} {} {title}", "", paint("2", "│"));
                }
            }
        }
        if !seen.list.is_empty() {
            println!("   {}", paint("2", &"·".repeat(WIDTH - 3)));
            let title = seen
                .list
                .iter()
                .map(|row| row.title.chars().count())
                .max()
                .unwrap_or(0);
            let state = seen
                .list
                .iter()
                .map(|row| row.state.chars().count())
                .max()
                .unwrap_or(0);
            for row in &seen.list {
                let dot = if row.unread {
                    paint("1;31", "●")
                } else {
                    " ".into()
                };
                println!(
                    "   {dot} #{:<3} {:<title$}  {:<state$}  {}",
                    row.number,
                    row.title,
                    row.state,
                    paint("2", &format!("[{}]", row.action_label)),
                );
            }
        }
        println!("   {}", paint("32", "✓ as promised"));
    }

    fn spaces(home: &HomeSeen) -> String {
        let badge = |count: Option<u32>| match count {
            Some(0) | None => String::new(),
            Some(count) => format!(" {}", paint("1;37;41", &format!("({count})"))),
        };
        let mut text = format!("Home   Messages{}", badge(home.messages_badge));
        if home.tickets_space {
            text.push_str(&format!("   Tickets{}", badge(home.tickets_badge)));
        } else {
            text.push_str(&paint("2", "   (no Tickets space)"));
        }
        text
    }

    /// The end.
    pub(super) fn end(&self, text: &str) {
        println!(
            "\n\n{}\n{}\n",
            "═".repeat(WIDTH),
            paint("1;32", &wrap(text, "", WIDTH))
        );
    }
}

fn paint(code: &str, text: &str) -> String {
    format!("\x1b[{code}m{text}\x1b[0m")
}

/// Platforms that show the same are shown once.
fn groups(homes: &[HomeSeen]) -> Vec<(String, &HomeSeen)> {
    let mut groups: Vec<(Vec<&str>, &HomeSeen)> = Vec::new();
    for home in homes {
        let alike = groups.iter_mut().find(|(_, first)| {
            HomeSeen {
                platform: first.platform,
                ..home.clone()
            } == **first
        });
        match alike {
            Some((names, _)) => names.push(nice(home.platform)),
            None => groups.push((vec![nice(home.platform)], home)),
        }
    }
    let all = homes.len();
    groups
        .into_iter()
        .map(|(names, home)| {
            (
                if names.len() == all {
                    "Everywhere".into()
                } else {
                    names.join(", ")
                },
                home,
            )
        })
        .collect()
}

fn nice(platform: &str) -> &str {
    match platform {
        "WEB" => "Web",
        "IOS" => "iOS",
        _ => "Android",
    }
}

fn wrap(text: &str, indent: &str, width: usize) -> String {
    let mut lines = vec![indent.to_owned()];
    for word in text.split_whitespace() {
        let line = lines.last_mut();
        let fits = line
            .as_ref()
            .is_some_and(|line| line.chars().count() + 1 + word.chars().count() <= width);
        match line {
            Some(line) if fits || line.trim().is_empty() => {
                if !line.trim().is_empty() {
                    line.push(' ');
                }
                line.push_str(word);
            }
            _ => lines.push(format!("{indent}{word}")),
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_wrap_inside_the_width_and_keep_every_word() {
        let text = "one two three four five six seven eight nine ten";
        let wrapped = wrap(text, "  ", 16);
        assert!(
            wrapped
                .lines()
                .all(|line| line.chars().count() <= 16 && line.starts_with("  "))
        );
        assert_eq!(
            wrapped.split_whitespace().collect::<Vec<_>>().join(" "),
            text
        );
    }
}
