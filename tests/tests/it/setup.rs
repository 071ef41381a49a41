//! The scripts in `tools`: on a real API server with the real Helm and the real kubectl. Google Cloud, Terraform and what
//! would come from the internet are played by the stand-ins in `setup/doubles`, which are first on the path.

mod agree;
mod cloud;
mod controllers;
mod killed;
mod others;
mod place;
mod refusals;
mod release;
mod scene;
mod state;
mod teardown;
mod witnesses;
