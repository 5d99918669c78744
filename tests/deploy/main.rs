//! What `deploy/` offers: services of systemd, an installer, Kubernetes' manifests; and a coordinator that moves.

mod install;
mod kubernetes;
mod moving;
mod services;
mod units;
