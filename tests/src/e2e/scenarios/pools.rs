//! Two pools: heavy tasks and light ones.

use anyhow::{Result, ensure};

use super::Scenario;
use crate::e2e::objects::{Scaling, Service, Workers};
use crate::e2e::site::{LATER, Site};
use crate::e2e::stage::Stage;
use crate::e2e::watch::Watch;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "pools",
    about: "heavy and light pools are scaled by their own queues; a proof needs both and is verified",
    run,
};

fn run(stage: &Stage) -> Result<()> {
    let site = Site::new(stage, SCENARIO.name)?;
    site.scaler(1)?;
    site.leader(Service { options: "--worker-run-mode affinity", ..Service::default() })?;
    let pools = [("heavy", 3), ("light", 2)];
    for (pool, most) in pools {
        let key = ("PALADIN_TASK_BUS_ROUTING_KEY".to_owned(), format!("{pool}-proof"));
        site.workers(&Workers {
            name: pool.to_owned(),
            ms_per_txn: 2_500,
            env: vec![key],
            ..Workers::default()
        })?;
        site.scale(&Scaling {
            workers: pool.to_owned(),
            replicas: (0, most),
            metadata: vec![("target", "1".to_owned()), ("pool", pool.to_owned())],
            ..Scaling::default()
        })?;
        site.until_scaled(pool)?;
    }
    let watches = [site.watch("heavy")?, site.watch("light")?];
    site.zero(&["prove", &site.witness("devnet", 8), "--detach"])?;
    site.until_replicas("heavy", LATER, |now| now == 3)?;
    ensure!(site.replicas("light")? == 0, "nothing is light before the first segment is proved");
    site.until_verified(1)?;
    for (pool, _) in pools {
        site.until_replicas(pool, LATER, |now| now == 0)?;
    }
    let [heavy, light] = watches.each_ref().map(Watch::seen);
    let (heavy, light) = (heavy?, light?);
    ensure!(
        heavy.iter().all(|now| *now <= 3) && light.iter().all(|now| *now <= 2),
        "{heavy:?} {light:?}"
    );
    ensure!(light.iter().any(|now| *now > 0), "light was {light:?}");
    site.nobody_was_cut_off()
}
