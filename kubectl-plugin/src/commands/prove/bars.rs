//! I/O: bars on a terminal: one for each proof that runs, one for all of them, one for what is sent.

use std::collections::HashMap;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::Printer;
use crate::proof::{Proof, State};

/// Times a second that a bar is drawn at most.
const RATE: u8 = 10;
const OF_PROOF: &str = "{prefix} [{bar:30}] {pos}/{len} tasks {msg}";
const OF_ALL: &str = "{pos} of {len} proofs are done";
const OF_BYTES: &str = "{msg} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {eta}";

/// The bars of proofs.
#[derive(Debug)]
pub(super) struct Bars {
    all: MultiProgress,
    of_proofs: HashMap<String, ProgressBar>,
    sum: ProgressBar,
}

impl Bars {
    pub(super) fn new(proofs: usize) -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(RATE));
        let sum = all.add(ProgressBar::new(proofs as u64).with_style(style(OF_ALL)));
        Self { all, of_proofs: HashMap::new(), sum }
    }

    /// Moves the bar of a proof; only one that runs has any.
    pub(super) fn show(&mut self, proof: &Proof) {
        if proof.state != State::Running {
            if let Some(bar) = self.of_proofs.remove(&proof.id) {
                bar.finish_and_clear();
            }
            return;
        }
        let bar = self.of_proofs.entry(proof.id.clone()).or_insert_with(|| {
            let bar = ProgressBar::new(0).with_style(style(OF_PROOF));
            self.all.insert_before(&self.sum, bar).with_prefix(proof.id.clone())
        });
        if let Some(progress) = &proof.progress {
            bar.set_length(progress.expected);
            bar.set_position(progress.answered);
            bar.set_message(format!("{}, eta {}", progress.percent(), proof.eta()));
        }
    }

    /// So many of them are done.
    pub(super) fn done(&self, proofs: usize) {
        self.sum.set_position(proofs as u64);
        self.sum.tick();
    }

    /// Words above the bars.
    pub(super) fn say(&self, words: &str, printer: &mut Printer) {
        self.all.suspend(|| printer.say(words));
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        drop(self.all.clear());
    }
}

/// A bar of bytes that are sent.
pub(super) fn sending(bytes: u64) -> ProgressBar {
    let target = ProgressDrawTarget::stderr_with_hz(RATE);
    ProgressBar::with_draw_target(Some(bytes), target).with_style(style(OF_BYTES))
}

fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template);
    style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_can_be_drawn() {
        for template in [OF_PROOF, OF_ALL, OF_BYTES] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}
