//! What a selective removal does when nothing goes wrong.

use amqp_admin::{End, Success};
use tests::amqp::Amqp;
use tests::harness;

use super::crowd::{Crowd, QUEUE, carry_out, endpoint, new_backup, plan};

#[tokio::test]
async fn wanted_messages_go_to_the_backup_and_the_others_stay_in_order() {
    let test = "wanted_messages_go_to_the_backup_and_the_others_stay_in_order";
    let Some(vhost) = harness::vhost(test) else { return };
    let amqp = Amqp::connect(&vhost.amqp_uri()).await.unwrap();
    let crowd = Crowd::new(1, 700, false);
    crowd.enter(&amqp).await;
    let folder = tempfile::tempdir().unwrap();
    let endpoint = endpoint(vhost.access(), &vhost.access().amqp, vhost.name());
    let report = carry_out(&plan(vhost.name(), false), &endpoint, &new_backup(&folder)).await;
    assert_eq!(report.success(), Success::All, "{report:?}");
    let End::Sifted(sifted) = &report.outcomes[0].end else { panic!("{report:?}") };
    let (kept, wanted) = (crowd.kept(), crowd.wanted());
    assert_eq!((sifted.wanted, sifted.kept()), (wanted.len() as u64, kept.len() as u64));
    assert_eq!(crowd.leave(&amqp, QUEUE).await, kept);
    assert_eq!(crowd.in_backup(&new_backup(&folder)), (wanted, true));
}
