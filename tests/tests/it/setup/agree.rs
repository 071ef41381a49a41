//! The scripts and what is written of them: versions, places, exit codes.

use tests::repository::text;

/// A line `NAME=value` of the one file with versions.
fn version(name: &str) -> String {
    let file = text("tools/versions.env");
    let line = file.lines().find_map(|line| line.strip_prefix(&format!("{name}=")));
    line.unwrap_or_else(|| panic!("tools/versions.env has no {name}")).to_owned()
}

#[test]
fn the_guide_installs_what_the_script_installs() {
    let guide = text("docs/install.md");
    let keda = format!(
        "helm install keda keda --repo {} --version {} ",
        version("KEDA_CHARTS"),
        version("KEDA_VERSION")
    );
    let operator = format!(
        "{}/v{}/cluster-operator.yml",
        version("RABBITMQ_OPERATOR_RELEASES"),
        version("RABBITMQ_OPERATOR_VERSION")
    );
    let prometheus = format!(
        "kube-prometheus-stack --repo {} --version {} ",
        version("PROMETHEUS_CHARTS"),
        version("PROMETHEUS_STACK_VERSION")
    );
    for command in [keda, operator, prometheus] {
        assert!(guide.contains(&command), "docs/install.md does not have `{command}`");
    }
    for (what, least) in [
        ("Kubernetes", "LEAST_KUBERNETES"),
        ("Helm", "LEAST_HELM"),
        ("[KEDA](https://keda.sh)", "LEAST_KEDA"),
    ] {
        let line = format!("| {what} | {} or newer", version(least));
        assert!(guide.contains(&line), "docs/install.md does not have `{line}`");
    }
}

#[test]
fn the_chart_names_the_same_places_and_the_tests_know_the_same_definitions() {
    let chart = text("helm/zero-prover/templates/_validate.tpl");
    for name in ["KEDA_CHARTS", "PROMETHEUS_CHARTS"] {
        assert!(chart.contains(&version(name)), "the chart does not name {}", version(name));
    }
    let releases = version("RABBITMQ_OPERATOR_RELEASES");
    assert!(chart.contains(releases.strip_suffix("/download").unwrap()));
    assert!(
        text("helm/zero-prover/Chart.yaml")
            .contains(&format!("kubeVersion: \">={}.0-0\"", version("LEAST_KUBERNETES")))
    );
    let pins = text("tests/src/provision/helm.rs");
    for pin in [
        format!("kedacore/keda/v2@v{}", version("KEDA_VERSION")),
        format!("rabbitmq/cluster-operator/v2@v{}", version("RABBITMQ_OPERATOR_VERSION")),
    ] {
        assert!(pins.contains(&pin), "the chart's tests take other definitions than {pin}");
    }
}

/// The number at the start of each entry, such as `0    done   5    something is missing`.
fn codes(help: &str) -> Vec<u32> {
    let (_, table) = help.split_once("Exit codes\n").unwrap();
    let lines = table.lines().take_while(|line| line.starts_with("  "));
    let words = lines.flat_map(|line| line.split_whitespace().filter_map(|word| word.parse().ok()));
    let mut codes: Vec<u32> = words.collect();
    codes.sort_unstable();
    codes
}

#[test]
fn the_exit_codes_in_the_guides_are_those_of_the_scripts() {
    for (script, page) in [
        ("setup.sh", "docs/install.md"),
        ("teardown.sh", "docs/install.md"),
        ("witnesses.sh", "docs/witnesses.md"),
    ] {
        let page_text = text(page);
        let (_, table) = page_text.split_once("| exit code | ").unwrap();
        let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
        let told: Vec<Vec<&str>> =
            rows.map(|row| row.split('|').map(str::trim).collect()).collect();
        for code in codes(&text(&format!("tools/{script}"))) {
            let row = told.iter().find(|row| row[1] == code.to_string());
            let row = row.unwrap_or_else(|| panic!("{page} has no line for {code} of {script}"));
            assert!(row.last().is_some_and(|cell| cell.is_empty()) && row.len() > 3, "{row:?}");
        }
    }
}

#[test]
fn the_state_is_kept_where_terraforms_own_folder_says() {
    let outputs = text("terraform/state/outputs.tf");
    assert!(
        outputs.contains("backend \"gcs\"") && outputs.contains("prefix = \"${var.name_prefix}\"")
    );
    assert!(text("tools/backend.tf").contains("backend \"gcs\" {}"));
    assert!(text("terraform/state/main.tf").contains("${var.project_id}-zero-prover-state"));
    let state = text("tools/lib/state.sh");
    assert!(state.contains("gs://%s-zero-prover-state"));
    assert!(text("terraform/main.tf").contains("${var.project_id}-${var.name_prefix}-proofs"));
    assert!(state.contains("$PROJECT-$NAME-proofs"));
    assert!(text("terraform/outputs.tf").contains("output \"proofs_bucket\""));
    assert!(text("tools/lib/infra.sh").contains("module.proofs[0].google_storage_bucket.bucket"));
    let ends = text("tools/lib/no_infra.sh");
    for (module, what) in [
        ("cluster", "google_container_cluster.cluster"),
        ("filestore", "google_filestore_instance.circuits"),
    ] {
        let resource = format!("resource \"{}\"", what.replace('.', "\" \""));
        assert!(text(&format!("terraform/modules/{module}/main.tf")).contains(&resource));
        assert!(ends.contains(what), "{what} is protected");
    }
    assert!(
        text("terraform/modules/bucket/main.tf")
            .contains("resource \"google_storage_bucket\" \"bucket\"")
    );
}

#[test]
fn a_state_and_what_it_is_of_have_the_same_prefix_by_default() {
    let default_of = |file: &str| {
        let text = text(file);
        let (_, block) = text.split_once("variable \"name_prefix\" {\n").unwrap();
        let (_, value) = block.split_once("default     = ").unwrap();
        value.lines().next().unwrap().to_owned()
    };
    assert_eq!(default_of("terraform/state/variables.tf"), default_of("terraform/variables.tf"));
}
