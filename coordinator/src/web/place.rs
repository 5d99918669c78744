//! Where somebody signs in from: a network rather than an address, since addresses change by the day.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The /24 of an IPv4 address, the /48 of an IPv6 one: what one household or office has.
pub fn place(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            format!("{}/24", Ipv4Addr::new(a, b, c, 0))
        }
        IpAddr::V6(v6) => format!("{}/48", prefix(v6, 48)),
    }
}

/// Whom failures count against: an IPv4 address, or the /64 of an IPv6 one, within which a single machine may take any.
pub fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(prefix(v6, 64)),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// For people.
pub fn words(place: &str) -> &str {
    match place {
        "127.0.0.0/24" | "::/48" => "this computer",
        other => other,
    }
}

fn prefix(address: Ipv6Addr, bits: u32) -> Ipv6Addr {
    Ipv6Addr::from_bits(address.to_bits() & !(u128::MAX >> bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_share_a_place_and_strangers_do_not() {
        let of = |text: &str| place(text.parse().unwrap());
        assert_eq!(of("203.0.113.7"), "203.0.113.0/24");
        assert_eq!(of("::ffff:203.0.113.9"), "203.0.113.0/24", "an IPv4 address in IPv6's clothes");
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1::/48");
        assert_ne!(of("203.0.114.7"), of("203.0.113.7"));
        assert_eq!((words(&of("127.0.0.1")), words(&of("::1"))), ("this computer", "this computer"));
        assert_eq!(words("203.0.113.0/24"), "203.0.113.0/24");
    }

    #[test]
    fn one_machine_with_many_ipv6_addresses_is_one_source() {
        let of = |text: &str| source(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2:ffff::1"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_ne!(of("203.0.113.7"), of("203.0.113.8"));
        assert_eq!(of("::ffff:203.0.113.7"), of("203.0.113.7"));
    }
}
