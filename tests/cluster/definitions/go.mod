// Modules of others whose definitions of custom resources the tests hold the chart against; fetched by `tests::provision::helm`.
module zero-prover-infra/tests/cluster/definitions

go 1.26.0
