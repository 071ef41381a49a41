# No `provider` block is here, so that this folder can be applied as it is and used as a module: every resource names
# its project and region.

locals {
  cluster_name = "${var.name_prefix}-gke-cluster"

  # What the Helm chart selects nodes by, and tolerates.
  pool_label = "zero-prover.io/pool"
  highmem_taint = {
    key    = "highmem"
    value  = "true"
    effect = "NO_SCHEDULE"
  }

  labels = merge({ app = "zero-prover" }, var.labels)

  apis = var.enable_apis ? [
    "artifactregistry.googleapis.com",
    "billingbudgets.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "compute.googleapis.com",
    "container.googleapis.com",
    "containerfilesystem.googleapis.com",
    "file.googleapis.com",
    "iam.googleapis.com",
    "logging.googleapis.com",
    "monitoring.googleapis.com",
    "storage.googleapis.com",
  ] : []

  # GKE chooses three when none are named. What a pool begins with is said for each of them.
  zone_count = length(var.zones) > 0 ? length(var.zones) : 3

  filestore_regional = contains(["REGIONAL", "ENTERPRISE"], var.filestore_tier)

  budget_wanted = var.budget_amount != null
  number_wanted = local.budget_wanted || length(var.proofs_bucket_writers) > 0
}

resource "google_project_service" "required" {
  for_each = toset(local.apis)

  project = var.project_id
  service = each.value
  # Others in the project may use it too.
  disable_on_destroy = false
}

# Budgets and Workload Identity name a project by its number.
data "google_project" "this" {
  count = local.number_wanted ? 1 : 0

  project_id = var.project_id
  depends_on = [google_project_service.required]
}

module "network" {
  source = "./modules/network"

  project_id         = var.project_id
  region             = var.region
  name_prefix        = var.name_prefix
  subnet_cidr        = var.subnet_cidr
  pods_cidr          = var.pods_cidr
  services_cidr      = var.services_cidr
  flow_logs_sampling = var.flow_logs_sampling

  depends_on = [google_project_service.required]
}

module "cluster" {
  source = "./modules/cluster"

  project_id             = var.project_id
  region                 = var.region
  zones                  = var.zones
  name                   = local.cluster_name
  node_account_id        = "${var.name_prefix}-nodes"
  network                = module.network.network
  subnet                 = module.network.subnet
  pods_range             = module.network.pods_range
  services_range         = module.network.services_range
  release_channel        = var.release_channel
  kubernetes_version     = var.kubernetes_version
  maintenance_start_time = var.maintenance_start_time
  dns_endpoint           = var.dns_endpoint
  authorized_networks    = var.authorized_networks
  managed_prometheus     = var.managed_prometheus
  deletion_protection    = var.deletion_protection
  labels                 = local.labels
}

module "default_pool" {
  source = "./modules/node-pool"

  project_id   = var.project_id
  cluster      = module.cluster.id
  name         = "default-node-pool"
  machine_type = var.default_pool_machine_type
  disk_type    = var.default_pool_disk_type
  disk_size_gb = var.default_pool_disk_size_gb
  # One at least: the cluster's own pods need somewhere to be.
  initial_nodes   = ceil(var.default_pool_min_nodes / local.zone_count)
  min_nodes       = var.default_pool_min_nodes
  max_nodes       = var.default_pool_max_nodes
  max_surge       = var.default_pool_max_surge
  max_unavailable = var.default_pool_max_unavailable
  node_labels     = merge(var.default_pool_labels, { (local.pool_label) = "default" })
  service_account = module.cluster.node_service_account
  labels          = local.labels
}

module "highmem_pool" {
  source = "./modules/node-pool"

  project_id   = var.project_id
  cluster      = module.cluster.id
  name         = "highmem-node-pool"
  machine_type = var.highmem_pool_machine_type
  disk_type    = var.highmem_pool_disk_type
  disk_size_gb = var.highmem_pool_disk_size_gb
  # Never more than may be there: they cost dollars an hour.
  initial_nodes   = min(ceil(var.highmem_pool_min_nodes / local.zone_count), floor(var.highmem_pool_max_nodes / local.zone_count))
  min_nodes       = var.highmem_pool_min_nodes
  max_nodes       = var.highmem_pool_max_nodes
  max_surge       = var.highmem_pool_max_surge
  max_unavailable = var.highmem_pool_max_unavailable
  spot            = var.highmem_pool_spot
  # Large machines are scarce: whichever zone has one will do.
  location_policy = "ANY"
  node_labels     = merge(var.highmem_pool_labels, { (local.pool_label) = "highmem" })
  taints          = [local.highmem_taint]
  service_account = module.cluster.node_service_account
  labels          = local.labels
}

module "filestore" {
  source = "./modules/filestore"
  count  = var.filestore_enabled ? 1 : 0

  project_id          = var.project_id
  name                = "${var.name_prefix}-circuits"
  location            = local.filestore_regional ? var.region : try(coalesce(var.filestore_zone, var.zones...), null)
  tier                = var.filestore_tier
  capacity_gb         = var.filestore_capacity_gb
  network             = module.network.network_name
  deletion_protection = var.deletion_protection
  labels              = local.labels
}

module "registry" {
  source = "./modules/registry"
  count  = var.artifact_registry_enabled ? 1 : 0

  project_id     = var.project_id
  location       = var.region
  name           = var.name_prefix
  immutable_tags = var.image_tags_immutable
  readers        = { nodes = module.cluster.node_service_account_member }
  labels         = local.labels

  depends_on = [google_project_service.required]
}

module "proofs" {
  source = "./modules/bucket"
  count  = var.proofs_bucket_enabled ? 1 : 0

  project_id     = var.project_id
  name           = coalesce(var.proofs_bucket_name, "${var.project_id}-${var.name_prefix}-proofs")
  location       = coalesce(var.proofs_bucket_location, var.region)
  retention_days = var.proofs_retention_days
  labels         = local.labels
  writers = { for account in var.proofs_bucket_writers : account => join("", [
    "principal://iam.googleapis.com/projects/${data.google_project.this[0].number}",
    "/locations/global/workloadIdentityPools/${var.project_id}.svc.id.goog",
    "/subject/ns/${split("/", account)[0]}/sa/${split("/", account)[1]}",
  ]) }

  # The pool of identities is made with the first cluster of a project.
  depends_on = [google_project_service.required, module.cluster]
}

module "budget" {
  source = "./modules/budget"
  count  = local.budget_wanted ? 1 : 0

  project_id      = var.project_id
  project_number  = data.google_project.this[0].number
  billing_account = var.billing_account
  name            = "${var.name_prefix} monthly"
  amount          = var.budget_amount
  currency        = var.budget_currency
  thresholds      = var.budget_thresholds
  emails          = var.budget_emails
  labels          = local.labels
}
