//! What is rendered, as parsed documents; and that both generations of Helm render the same.

use serde_norway::Value;
use tests::helm::{CHART, Generation, Helm};

use super::{RELEASE, cases, rendered_as, text};

#[test]
fn both_generations_render_the_same_and_what_was_agreed_on() {
    let Some(programs) = tests::helm::programs("chart::render") else { return };
    let helms = [Generation::V3, Generation::V4].map(|of| Helm::of(&programs, of).unwrap());
    for (name, values) in cases() {
        let [old, new] = helms.each_ref().map(|helm| {
            let mut objects = rendered_as(helm, RELEASE, &values);
            objects.iter_mut().for_each(hide_password);
            objects
        });
        assert_eq!(old, new, "{name}");
        let golden: Vec<String> =
            new.iter().map(|object| serde_norway::to_string(object).unwrap()).collect();
        insta::with_settings!({snapshot_path => "golden", prepend_module_to_snapshot => false, omit_expression => true}, {
            insta::assert_snapshot!(name, golden.join("---\n"));
        });
    }
}

/// The broker's password is another each time.
fn hide_password(object: &mut Value) {
    if text(object, "kind") != "Secret" {
        return;
    }
    let password = text(object, "stringData.password").to_owned();
    assert!(password.len() >= 32, "the password is made up");
    let data = object.get_mut("stringData").and_then(Value::as_mapping_mut).unwrap();
    for value in data.values_mut() {
        *value = Value::from(value.as_str().unwrap().replace(&password, "[password]"));
    }
}

#[test]
fn strict_lint_has_nothing_to_say() {
    let Some(programs) = tests::helm::programs("chart::lint") else { return };
    for generation in [Generation::V3, Generation::V4] {
        let helm = Helm::of(&programs, generation).unwrap();
        for (name, values) in cases() {
            let values = values.to_str().unwrap();
            let told = helm.told(&["lint", "--strict", CHART, "--values", values]).unwrap();
            assert!(told.contains("0 chart(s) failed"), "{name}: {told}");
        }
    }
}

#[test]
fn the_charts_programs_are_of_this_workspace() {
    let chart = std::fs::read_to_string(format!("{CHART}/Chart.yaml")).unwrap();
    let chart: Value = serde_norway::from_str(&chart).unwrap();
    assert_eq!(text(&chart, "appVersion"), env!("CARGO_PKG_VERSION"));
}
