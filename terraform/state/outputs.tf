output "backend" {
  description = "What backend.tf in the folder that is applied has to hold"
  value       = <<-EOT
    terraform {
      backend "gcs" {
        bucket = "${module.bucket.name}"
        prefix = "${var.name_prefix}"
      }
    }
  EOT
}

output "bucket" {
  description = "Name of the bucket"
  value       = module.bucket.name
}
