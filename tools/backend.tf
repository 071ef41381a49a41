# Copied by tools/setup.sh to where Terraform is run; which bucket it is, is told to `terraform init`.
terraform {
  backend "gcs" {}
}
