//! What a run did and found, for people.

use std::{collections::BTreeMap, fmt::Write, time::Duration};

/// One seed.
#[derive(Debug, Default)]
pub(super) struct Summary {
    pub seed: u64,
    /// From the first write to the last check.
    pub took: Duration,
    /// From the end of the faults until everybody agreed.
    pub settled: Duration,
    pub faults: BTreeMap<&'static str, u64>,
    /// Acknowledged, by kind.
    pub writes: BTreeMap<&'static str, u64>,
    pub unanswered: u64,
    /// Tries that were not answered, or not well, by what was answered.
    pub tried_again: BTreeMap<String, u64>,
    pub frames: u64,
    pub stale_frames: u64,
    pub rows: u64,
    pub checks: u64,
}

impl Summary {
    /// A line for somebody who waits.
    pub(super) fn line(&self) -> String {
        format!(
            "seed {}: {:.0} s, {} faults, {} writes, {} repeats, {} frames, {} checks; agreed after {:.1} s",
            self.seed,
            self.took.as_secs_f64(),
            sum(&self.faults),
            sum(&self.writes),
            self.tried_again.values().sum::<u64>(),
            self.frames,
            self.checks,
            self.settled.as_secs_f64(),
        )
    }
}

fn sum(counts: &BTreeMap<&'static str, u64>) -> u64 {
    counts.values().sum()
}

/// All seeds.
#[derive(Debug, Default)]
pub(super) struct Report {
    passed: Vec<u64>,
    failures: Vec<(u64, String)>,
    total: Summary,
    slowest: Duration,
}

impl Report {
    /// A seed passed.
    pub(super) fn add(&mut self, summary: Summary) {
        self.passed.push(summary.seed);
        self.slowest = self.slowest.max(summary.settled);
        let total = &mut self.total;
        total.took += summary.took;
        for (kind, count) in summary.faults {
            *total.faults.entry(kind).or_default() += count;
        }
        for (kind, count) in summary.writes {
            *total.writes.entry(kind).or_default() += count;
        }
        for (answer, count) in summary.tried_again {
            *total.tried_again.entry(answer).or_default() += count;
        }
        total.unanswered += summary.unanswered;
        total.frames += summary.frames;
        total.stale_frames += summary.stale_frames;
        total.rows += summary.rows;
        total.checks += summary.checks;
    }

    /// A seed failed.
    pub(super) fn fail(&mut self, seed: u64, error: &anyhow::Error) {
        self.failures.push((seed, format!("{error:#}")));
    }

    /// Whether one did.
    pub(super) fn failed(&self) -> bool {
        !self.failures.is_empty()
    }

    fn lines(&self) -> Vec<(String, String)> {
        let total = &self.total;
        let mut lines = vec![
            ("seeds passed".to_owned(), range(&self.passed)),
            ("seeds failed".to_owned(), self.failures.len().to_string()),
            (
                "time".to_owned(),
                format!("{:.1} min", total.took.as_secs_f64() / 60.0),
            ),
            ("faults".to_owned(), sum(&total.faults).to_string()),
        ];
        let indent = |(kind, count): (&&str, &u64)| (format!("  {kind}"), count.to_string());
        lines.extend(total.faults.iter().map(indent));
        lines.push(("writes acknowledged".into(), sum(&total.writes).to_string()));
        lines.extend(total.writes.iter().map(indent));
        lines.push(("writes never answered".into(), total.unanswered.to_string()));
        let repeats = total.tried_again.values().sum::<u64>();
        lines.push(("tries that were repeated".into(), repeats.to_string()));
        let again = total.tried_again.iter();
        lines.extend(again.map(|(answer, count)| (format!("  {answer}"), count.to_string())));
        lines.push(("frames shown".into(), total.frames.to_string()));
        lines.push((
            "  of them older, and refused".into(),
            total.stale_frames.to_string(),
        ));
        lines.push(("rows looked at".into(), total.rows.to_string()));
        lines.push(("checks that held".into(), total.checks.to_string()));
        let slowest = format!("{:.1} s", self.slowest.as_secs_f64());
        lines.push(("slowest agreement".into(), slowest));
        lines
    }

    /// For a terminal.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for (what, count) in self.lines() {
            let _ = writeln!(text, "  {what:<44} {count:>12}");
        }
        for (seed, why) in &self.failures {
            let _ = writeln!(text, "  seed {seed} failed: {why}");
        }
        text
    }

    /// For a page.
    pub(super) fn markdown(&self) -> String {
        let mut text = String::from("| the fault test | |\n|---|---|\n");
        for (what, count) in self.lines() {
            let what = what.replace("  ", "&nbsp;&nbsp;");
            let _ = writeln!(text, "| {what} | {count} |");
        }
        for (seed, why) in &self.failures {
            let _ = writeln!(text, "\nSeed {seed} failed: {why}");
        }
        text
    }
}

fn range(seeds: &[u64]) -> String {
    match (seeds.first(), seeds.last()) {
        (Some(first), Some(last)) => format!("{} (of {first} to {last})", seeds.len()),
        _ => "none".into(),
    }
}
