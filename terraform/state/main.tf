# The bucket that Terraform's state is kept in: a root of its own, because what holds a state cannot be in it.

module "bucket" {
  source = "../modules/bucket"

  project_id = var.project_id
  name       = coalesce(var.name, "${var.project_id}-zero-prover-state")
  location   = var.location
  labels     = { app = "zero-prover" }
}
