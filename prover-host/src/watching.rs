//! Follows what the gateway sees of the child, and keeps the books of its tasks.

use std::time::Duration;

use amqp_gateway::{Activity, Used};
use tokio::sync::watch;

use crate::books::Books;
use crate::cgroup::Cgroup;
use crate::clock;
use crate::meter::{Diary, Meter};
use crate::tasks::{Ended, Tasks};

/// Between two looks at the memory of a task.
const LOOK: Duration = Duration::from_secs(1);

/// Follows until the gateway is gone.
pub async fn follow(
    mut activity: watch::Receiver<Activity>,
    books: Books,
    cgroup: Option<Cgroup>,
    diary: Diary,
) {
    let mut tasks = Tasks::default();
    let mut meter = Meter::of(cgroup);
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut busy = false;
    let mut trouble = None;
    loop {
        let now = activity.borrow_and_update().clone();
        for ended in tasks.look(&now, clock::now()) {
            let used = meter.used();
            tell(&ended, used);
            books.task(&ended, used);
            meter.begin();
        }
        if !busy && !now.in_hand.is_empty() {
            meter.begin();
        }
        busy = !now.in_hand.is_empty();
        if now.trouble != trouble {
            trouble.clone_from(&now.trouble);
            if let Some(words) = &trouble {
                tracing::warn!("between worker and broker: {words}");
            }
        }
        tokio::select! {
            changed = activity.changed() => if changed.is_err() { return },
            _ = looks.tick(), if busy => {
                meter.look();
                diary.look();
            }
        }
    }
}

fn tell(ended: &Ended, used: Used) {
    let cpu_ms = used.cpu.map(|cpu| cpu.as_millis());
    let took_ms = ended.took.as_millis();
    let (operation, outcome) = (&ended.operation, ended.outcome.word());
    tracing::info!(
        task.operation = operation,
        task.outcome = outcome,
        task.block = ended.block,
        task.attempt = ended.attempt,
        duration_ms = took_ms,
        cpu_ms,
        memory_peak_bytes = used.memory_peak,
        read_bytes = used.read,
        written_bytes = used.written,
        "task {operation} {outcome} after {took_ms} ms"
    );
}
