output "kubernetes_cluster_name" {
  description = "Name of the GKE cluster"
  value       = module.cluster.name
}

output "kubernetes_version" {
  description = "Version of Kubernetes that the control plane runs"
  value       = module.cluster.kubernetes_version
}

output "project_id" {
  description = "Project that everything is in"
  value       = var.project_id
}

output "region" {
  description = "Region that everything is in"
  value       = var.region
}

output "zones" {
  description = "Zones that nodes are in"
  value       = tolist(sort(module.cluster.zones))
}

output "get_credentials" {
  description = "The command that tells kubectl of the cluster"
  value = join(" ", concat(
    ["gcloud container clusters get-credentials", module.cluster.name],
    ["--region", var.region, "--project", var.project_id],
    var.dns_endpoint ? ["--dns-endpoint"] : [],
  ))
}

output "network_name" {
  description = "Name of the VPC; `circuits.pvc.filestoreNetwork` of the chart"
  value       = module.network.network_name
}

output "node_service_account" {
  description = "E-mail address of the service account that nodes run as"
  value       = module.cluster.node_service_account
}

output "node_pools" {
  description = "What pods select each pool by, and the taint they have to tolerate there"
  value = {
    default = { node_selector = { (local.pool_label) = "default" }, taint = null }
    highmem = { node_selector = { (local.pool_label) = "highmem" }, taint = "${local.highmem_taint.key}=${local.highmem_taint.value}:NoSchedule" }
  }
}

output "image_repository" {
  description = "Where images are pushed to and pulled from, `image.registry` of the chart; null without Artifact Registry"
  value       = one(module.registry[*].repository)
}

output "proofs_bucket" {
  description = "Name of the bucket for copies of proofs; null without one"
  value       = one(module.proofs[*].name)
}

output "filestore" {
  description = "Address and share of the Filestore instance; null without one"
  value       = one(module.filestore[*].share)
}
