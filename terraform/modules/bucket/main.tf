resource "google_storage_bucket" "bucket" {
  project       = var.project_id
  name          = var.name
  location      = var.location
  storage_class = "STANDARD"
  labels        = var.labels

  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  # What is in it is never deleted by Terraform.
  force_destroy = false

  versioning {
    enabled = true
  }

  # What was replaced or deleted can be had back for thirty days.
  lifecycle_rule {
    condition {
      days_since_noncurrent_time = 30
      with_state                 = "ARCHIVED"
    }

    action {
      type = "Delete"
    }
  }

  dynamic "lifecycle_rule" {
    for_each = var.retention_days == null ? [] : [var.retention_days]

    content {
      condition {
        age        = lifecycle_rule.value
        with_state = "LIVE"
      }

      action {
        type = "Delete"
      }
    }
  }
}

resource "google_storage_bucket_iam_member" "writer" {
  for_each = var.writers

  bucket = google_storage_bucket.bucket.name
  role   = "roles/storage.objectUser"
  member = each.value
}
