//! Each test has a vhost of its own on the shared broker.

use tests::access::segment;
use tests::harness;

#[test]
fn a_vhost_is_fresh_and_goes_with_its_test() {
    let name = "a_vhost_is_fresh_and_goes_with_its_test";
    let Some(vhost) = harness::vhost(name) else {
        return;
    };
    let Some(other) = harness::vhost(name) else {
        return;
    };
    assert_ne!(vhost.name(), other.name());

    let api = vhost.access().management();
    let queues = api.get(&format!("/api/queues/{}", segment(vhost.name()))).unwrap();
    assert_eq!(queues.as_array().map(Vec::len), Some(0));
    assert!(vhost.amqp_uri().contains(&vhost.access().amqp));

    let path = format!("/api/vhosts/{}", segment(vhost.name()));
    assert!(api.get(&path).is_ok());
    drop(vhost);
    assert!(api.get(&path).is_err());
}
