//! By which names browsers may call this host.

use std::net::{IpAddr, SocketAddr};

/// Those that the user gave, the host's own, and the addresses it listens on, without repetition; the first is the best to tell others.
pub fn names(given: &[String], listen: SocketAddr) -> Vec<String> {
    let mut names = given.to_vec();
    let host = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    names.extend(host.filter(|name| is_dns_name(name)));
    if listen.ip().is_unspecified() {
        names
            .extend(own_addresses().into_iter().filter(|ip| ip.is_ipv4() || listen.is_ipv6()).map(|ip| ip.to_string()));
    } else {
        names.push(listen.ip().to_string());
    }
    names.extend(["localhost".to_owned(), "127.0.0.1".to_owned()]);
    let mut seen = std::collections::HashSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names
}

/// Whether a certificate can bear it.
pub fn is_name(name: &str) -> bool {
    name.parse::<IpAddr>().is_ok() || is_dns_name(name)
}

fn is_dns_name(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(label)
}

/// Of all network interfaces that are up, without those that mean nothing elsewhere.
fn own_addresses() -> Vec<IpAddr> {
    let Ok(interfaces) = nix::ifaddrs::getifaddrs() else { return Vec::new() };
    let address = |interface: nix::ifaddrs::InterfaceAddress| {
        let address = interface.address?;
        let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
        v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
    };
    interfaces.filter_map(address).filter(|ip| !ip.is_loopback() && !is_link_local(*ip)).collect()
}

fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_given_name_comes_first_and_none_twice() {
        let given = ["gpu.example.org".to_owned(), "127.0.0.1".to_owned()];
        let names = names(&given, "127.0.0.1:7433".parse().unwrap());
        assert_eq!(names[..2], given);
        assert_eq!(names.iter().filter(|name| *name == "127.0.0.1").count(), 1);
        assert!(names.contains(&"localhost".to_owned()));
    }

    #[test]
    fn what_a_certificate_cannot_say_is_no_name() {
        assert!(is_dns_name("gpu-1.example.org") && is_dns_name("gpu"));
        let long = "a".repeat(64);
        for name in ["", "a..b", "-a", "a b", "gpü", long.as_str()] {
            assert!(!is_dns_name(name), "{name}");
        }
    }
}
