//! What there is, and who may call it.

use std::collections::BTreeSet;

use prost::Message as _;
use prost_types::FileDescriptorSet;

/// Letters of callers ([`super::site::Caller::letter`]): v viewer, u user (o another one), a administrator, g agent, j holder of a join token; * everybody.
pub const EXPECTED: &[(&str, &str)] = &[
    ("/sweep.v1.Agents/Session", "g"),
    ("/sweep.v1.Artifacts/Stat", "vuoag"),
    ("/sweep.v1.Artifacts/Upload", "uoag"),
    ("/sweep.v1.Artifacts/Download", "vuoag"),
    ("/sweep.v1.Sweeps/Submit", "uoa"),
    ("/sweep.v1.Sweeps/List", "vuoa"),
    ("/sweep.v1.Sweeps/Status", "vuoa"),
    ("/sweep.v1.Sweeps/Watch", "vuoa"),
    ("/sweep.v1.Sweeps/Results", "vuoa"),
    ("/sweep.v1.Sweeps/Logs", "vuoa"),
    ("/sweep.v1.Sweeps/Cancel", "uoa"),
    ("/sweep.v1.Sweeps/Retry", "uoa"),
    ("/sweep.v1.Sweeps/Pause", "uoa"),
    ("/sweep.v1.Sweeps/Resume", "uoa"),
    ("/sweep.v1.Sweeps/SetPriority", "uoa"),
    ("/sweep.v1.Sweeps/Explain", "vuoa"),
    ("/sweep.v1.Sweeps/Events", "vuoa"),
    ("/sweep.v1.Sweeps/ListAgents", "vuoa"),
    ("/sweep.v1.Sweeps/DrainAgent", "a"),
    ("/sweep.v1.Sweeps/CollectGarbage", "a"),
    ("/sweep.v1.Sweeps/Curves", "vuoa"),
    ("/sweep.v1.Sweeps/Paces", "vuoa"),
    ("/sweep.v1.Sweeps/Notices", "uoa"),
    ("/sweep.v1.Sweeps/TestNotice", "a"),
    ("/sweep.v1.Access/WhoAmI", "vuoagj"),
    ("/sweep.v1.Access/CreateToken", "uoa"),
    ("/sweep.v1.Access/ListTokens", "uoa"),
    ("/sweep.v1.Access/RevokeToken", "uoa"),
    ("/sweep.v1.Access/ListUsers", "a"),
    ("/sweep.v1.Access/SetUser", "a"),
    ("/sweep.v1.Access/RemoveUser", "a"),
    ("/sweep.v1.Access/SignInLink", "vuoa"),
    ("/sweep.v1.Access/Join", "j"),
    ("/sweep.v1.Access/Renew", "g"),
    ("/sweep.v1.Access/ListCertificates", "a"),
    ("/sweep.v1.Access/RevokeAgent", "a"),
    ("/grpc.health.v1.Health/Check", "*"),
    ("/grpc.health.v1.Health/Watch", "vuoa"),
    ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", "vuoa"),
];

/// Every procedure of every service that the server has, from their descriptions.
pub fn descriptions() -> BTreeSet<String> {
    let sets = [
        sweep_shared::wire::DESCRIPTOR,
        tonic_health::pb::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
    ];
    let mut paths = BTreeSet::new();
    for set in sets {
        for file in FileDescriptorSet::decode(set).unwrap().file {
            for service in &file.service {
                for method in &service.method {
                    paths.insert(format!("/{}.{}/{}", file.package(), service.name(), method.name()));
                }
            }
        }
    }
    paths
}
