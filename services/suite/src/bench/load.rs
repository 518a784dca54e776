//! The load generator: closed loop for throughput, open loop for latency.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Result, ensure};
use futures::{StreamExt, stream::FuturesUnordered};
use hdrhistogram::Histogram;
use tokio::time::{Instant, sleep_until};

/// Calls per second that a service can answer: `in_flight` callers, each calling again when answered.
///
/// # Errors
/// When a call fails: a failed call is no throughput.
pub(super) async fn throughput<F, Fut>(in_flight: usize, time: Duration, call: F) -> Result<f64>
where
    F: Fn(usize) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<()>> + Send,
{
    let done = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let end = start + time;
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..in_flight {
        let (call, done) = (call.clone(), done.clone());
        callers.spawn(async move {
            let mut turn = caller;
            while Instant::now() < end {
                call(turn).await?;
                done.fetch_add(1, Ordering::Relaxed);
                turn += in_flight;
            }
            anyhow::Ok(())
        });
    }
    while let Some(outcome) = callers.join_next().await {
        outcome??;
    }
    Ok(done.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64())
}

/// Latency at a constant rate, from the moment each call was due: a call that waits for a busy
/// service counts its wait, so that slowness cannot hide behind calls that were never made.
///
/// # Errors
/// When a call fails.
pub(super) async fn latency<F, Fut>(
    per_second: u32,
    time: Duration,
    call: F,
) -> Result<Histogram<u64>>
where
    F: Fn(usize) -> Fut,
    Fut: Future<Output = Result<()>>,
{
    let mut histogram = histogram()?;
    let mut calls = FuturesUnordered::new();
    let start = Instant::now() + Duration::from_millis(20);
    let total = (f64::from(per_second) * time.as_secs_f64()) as usize;
    for turn in 0..total {
        let due = start + Duration::from_secs_f64(turn as f64 / f64::from(per_second));
        loop {
            tokio::select! {
                biased;
                () = sleep_until(due) => break,
                Some(outcome) = calls.next() => record(&mut histogram, outcome)?,
            }
        }
        let answer = call(turn);
        calls.push(async move { answer.await.map(|()| due.elapsed()) });
    }
    while let Some(outcome) = calls.next().await {
        record(&mut histogram, outcome)?;
    }
    ensure!(!histogram.is_empty(), "nothing was measured");
    Ok(histogram)
}

fn record(histogram: &mut Histogram<u64>, outcome: Result<Duration>) -> Result<()> {
    histogram.saturating_record(outcome?.as_micros() as u64);
    Ok(())
}

/// Microseconds up to a minute, to three digits.
pub(super) fn histogram() -> Result<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(1, 60_000_000, 3)?)
}

/// Milliseconds within which so large a part of the calls was answered.
pub(super) fn millis(histogram: &Histogram<u64>, quantile: f64) -> f64 {
    histogram.value_at_quantile(quantile) as f64 / 1_000.0
}

/// The middle of some measurements, and how far they spread around it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Median {
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

impl Median {
    pub(super) fn of(values: &[f64]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
        Self {
            value: at(sorted.len() / 2),
            low: at(0),
            high: at(sorted.len().saturating_sub(1)),
        }
    }

    /// The medians of two things measured in turn, divided round by round.
    pub(super) fn ratio(of: &[f64], to: &[f64]) -> Self {
        let ratios: Vec<f64> = of.iter().zip(to).map(|(of, to)| of / to).collect();
        Self::of(&ratios)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_taken_round_by_round() {
        let ratio = Median::ratio(&[10.0, 20.0, 60.0], &[10.0, 40.0, 120.0]);
        assert_eq!((ratio.value, ratio.low, ratio.high), (0.5, 0.5, 1.0));
    }

    #[tokio::test(start_paused = true)]
    async fn latency_counts_from_when_a_call_was_due() {
        // one call at a time, 100 ms each, due every 50 ms: the last of four waited for those before it
        let gate = tokio::sync::Mutex::new(());
        let measured = latency(20, Duration::from_millis(200), |_| async {
            let _turn = gate.lock().await;
            tokio::time::sleep(Duration::from_millis(100)).await;
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(measured.len(), 4);
        assert!(
            (245_000..=256_000).contains(&measured.max()),
            "{}",
            measured.max()
        );
    }
}
