use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// Addresses that have their first bits in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network {
    first: IpAddr,
    bits: u8,
}

/// Why a text is no network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a network is an address and how many of its first bits count, such as 10.0.0.0/8, with nothing behind those bits"
)]
pub struct InvalidNetwork;

impl Network {
    const fn v4(a: u8, b: u8, c: u8, d: u8, bits: u8) -> Self {
        Self { first: IpAddr::V4(Ipv4Addr::new(a, b, c, d)), bits }
    }

    const fn v6(a: u16, b: u16, c: u16, bits: u8) -> Self {
        Self { first: IpAddr::V6(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0)), bits }
    }

    /// Whether an address is one of these. An IPv4 address in the form of IPv6 is one of IPv6.
    pub fn has(&self, address: IpAddr) -> bool {
        match (self.first, address) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                u32::MAX.checked_shl(u32::from(32 - self.bits)).unwrap_or(0) & (first.to_bits() ^ address.to_bits())
                    == 0
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => {
                u128::MAX.checked_shl(u32::from(128 - self.bits)).unwrap_or(0) & (first.to_bits() ^ address.to_bits())
                    == 0
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let (first, bits) = text.split_once('/').ok_or(InvalidNetwork)?;
        let first: IpAddr = first.parse().map_err(|_| InvalidNetwork)?;
        let all = if first.is_ipv4() { 32 } else { 128 };
        let is_number = (1..=3).contains(&bits.len()) && bits.bytes().all(|byte| byte.is_ascii_digit());
        let bits = bits.parse::<u8>().ok().filter(|bits| is_number && *bits <= all).ok_or(InvalidNetwork)?;
        let behind = match first {
            IpAddr::V4(first) => u128::from(first.to_bits() & u32::MAX.checked_shr(u32::from(bits)).unwrap_or(0)),
            IpAddr::V6(first) => first.to_bits() & u128::MAX.checked_shr(u32::from(bits)).unwrap_or(0),
        };
        if behind == 0 { Ok(Self { first, bits }) } else { Err(InvalidNetwork) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.bits)
    }
}

/// Where a host is, whatever anybody else says of it: an address, and a port where it is not the one that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The address.
    pub address: IpAddr,
    /// The port; `None`: the one that is asked for.
    pub port: Option<u16>,
}

/// Why a text is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a place is an address, with a port or without: 10.0.0.7, 10.0.0.7:8443, fd00::7, [fd00::7]:8443")]
pub struct InvalidPlace;

impl FromStr for Place {
    type Err = InvalidPlace;

    fn from_str(text: &str) -> Result<Self, InvalidPlace> {
        if let Ok(address) = text.parse() {
            return Ok(Self { address, port: None });
        }
        let socket: SocketAddr = text.parse().map_err(|_| InvalidPlace)?;
        Ok(Self { address: socket.ip(), port: Some(socket.port()) })
    }
}

/// What of IPv4 is nobody's in the open internet (IANA's registry of special-purpose addresses), and what clouds tell their machines' secrets at.
const NOT_PUBLIC_V4: [(Network, &str); 20] = [
    (Network::v4(0, 0, 0, 0, 8), "this machine"),
    (Network::v4(10, 0, 0, 0, 8), "a private network"),
    (Network::v4(100, 64, 0, 0, 10), "the network of a carrier"),
    (Network::v4(127, 0, 0, 0, 8), "this machine"),
    (Network::v4(168, 63, 129, 16, 32), "the metadata of a cloud"),
    (Network::v4(169, 254, 0, 0, 16), "the local link"),
    (Network::v4(172, 16, 0, 0, 12), "a private network"),
    (Network::v4(192, 0, 0, 0, 24), "protocols"),
    (Network::v4(192, 0, 2, 0, 24), "documentation"),
    (Network::v4(192, 31, 196, 0, 24), "protocols"),
    (Network::v4(192, 52, 193, 0, 24), "protocols"),
    (Network::v4(192, 88, 99, 0, 24), "a way from IPv6 to IPv4"),
    (Network::v4(192, 168, 0, 0, 16), "a private network"),
    (Network::v4(192, 175, 48, 0, 24), "protocols"),
    (Network::v4(198, 18, 0, 0, 15), "benchmarks"),
    (Network::v4(198, 51, 100, 0, 24), "documentation"),
    (Network::v4(203, 0, 113, 0, 24), "documentation"),
    (Network::v4(224, 0, 0, 0, 4), "many at once"),
    (Network::v4(240, 0, 0, 0, 4), "nobody"),
    (Network::v4(255, 255, 255, 255, 32), "all at once"),
];

/// What of IPv6 is given out at all.
const PUBLIC_V6: Network = Network::v6(0x2000, 0, 0, 3);

/// What of that is nobody's in the open internet.
const NOT_PUBLIC_V6: [(Network, &str); 6] = [
    // Teredo among them, which has IPv4 addresses within.
    (Network::v6(0x2001, 0, 0, 23), "protocols"),
    (Network::v6(0x2001, 0xdb8, 0, 32), "documentation"),
    (Network::v6(0x2002, 0, 0, 16), "a way from IPv6 to IPv4"),
    (Network::v6(0x2620, 0x4f, 0x8000, 48), "protocols"),
    (Network::v6(0x3ffe, 0, 0, 16), "nobody"),
    (Network::v6(0x3fff, 0, 0, 20), "documentation"),
];

/// Whose an address is that is not public, in a word; `None`: it is public.
///
/// Of IPv6 all is refused that is not given out for public use, and so is whatever has an IPv4 address within: mapped, compatible, translated
/// (NAT64), 6to4. Such an address leads to the IPv4 one, and whether somebody on the way takes it there is not known here.
pub(crate) fn not_public(address: IpAddr) -> Option<&'static str> {
    let listed =
        |list: &[(Network, &'static str)]| list.iter().find(|(net, _)| net.has(address)).map(|(_, whose)| *whose);
    match address {
        IpAddr::V4(_) => listed(&NOT_PUBLIC_V4),
        IpAddr::V6(v6) if PUBLIC_V6.has(address) => {
            // ISATAP: an IPv4 address in the last half (RFC 5214 §6.1).
            let is_isatap = matches!(v6.segments(), [_, _, _, _, 0 | 0x200, 0x5efe, _, _]);
            listed(&NOT_PUBLIC_V6).or(is_isatap.then_some("a way from IPv6 to IPv4"))
        }
        IpAddr::V6(v6) if v6.is_loopback() || v6.is_unspecified() => Some("this machine"),
        IpAddr::V6(v6) if v6.is_multicast() => Some("many at once"),
        IpAddr::V6(v6) if v6.is_unicast_link_local() => Some("the local link"),
        IpAddr::V6(v6) if v6.is_unique_local() => Some("a private network"),
        IpAddr::V6(v6) if v6.to_ipv4().is_some() => Some("a way from IPv6 to IPv4"),
        IpAddr::V6(v6) if matches!(v6.segments(), [0x64, 0xff9b, ..]) => Some("a way from IPv6 to IPv4"),
        IpAddr::V6(_) => Some("nobody"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_the_addresses_with_its_first_bits() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.255.255", "11.0.0.0"),
            ("127.0.0.1/32", "127.0.0.1", "127.0.0.2"),
            ("0.0.0.0/0", "255.255.255.255", "::"),
            ("fd00::/8", "fdff::1", "fe00::1"),
            ("::1/128", "::1", "::2"),
            ("::/0", "ffff::", "1.2.3.4"),
            ("10.0.0.0/8", "10.0.0.1", "::ffff:10.0.0.1"),
        ] {
            let parsed: Network = network.parse().unwrap();
            assert_eq!(parsed.to_string(), network);
            assert!(parsed.has(inside.parse().unwrap()), "{network} {inside}");
            assert!(!parsed.has(outside.parse().unwrap()), "{network} {outside}");
        }
        for wrong in
            ["", "10.0.0.0", "10.0.0.1/8", "10.0.0.0/33", "10/8", "fd00::/129", "fd00::1/8", "10.0.0.0/+8", "x/8"]
        {
            assert_eq!(wrong.parse::<Network>(), Err(InvalidNetwork), "{wrong}");
        }
    }

    #[test]
    fn a_place_is_an_address_with_a_port_or_without() {
        for (text, port) in
            [("10.0.0.7", None), ("10.0.0.7:8443", Some(8_443)), ("::1", None), ("[::1]:443", Some(443))]
        {
            assert_eq!(text.parse::<Place>().unwrap().port, port, "{text}");
        }
        for wrong in ["", "localhost", "10.0.0", "10.0.0.7:", "10.0.0.7:x", "fe80::1%lo"] {
            assert_eq!(wrong.parse::<Place>(), Err(InvalidPlace), "{wrong}");
        }
    }

    #[test]
    fn only_what_is_given_out_to_somebody_in_the_open_is_public() {
        for public in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "168.63.129.15",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2001:4860:4860::8888",
            "2606:4700::1111",
            "2400:cb00::1",
            "2a00:1450::1",
            "2001:200::1",
            "3ffd::1",
        ] {
            assert_eq!(not_public(public.parse().unwrap()), None, "{public}");
        }
        for (denied, whose) in [
            ("0.0.0.0", "this machine"),
            ("0.1.2.3", "this machine"),
            ("10.0.0.1", "a private network"),
            ("100.64.0.1", "the network of a carrier"),
            ("100.100.100.200", "the network of a carrier"),
            ("127.0.0.1", "this machine"),
            ("127.255.255.254", "this machine"),
            ("168.63.129.16", "the metadata of a cloud"),
            ("169.254.169.254", "the local link"),
            ("172.16.0.1", "a private network"),
            ("172.31.255.255", "a private network"),
            ("192.0.0.192", "protocols"),
            ("192.0.2.1", "documentation"),
            ("192.88.99.1", "a way from IPv6 to IPv4"),
            ("192.168.1.1", "a private network"),
            ("198.19.255.255", "benchmarks"),
            ("198.51.100.1", "documentation"),
            ("203.0.113.1", "documentation"),
            ("224.0.0.1", "many at once"),
            ("239.255.255.255", "many at once"),
            ("240.0.0.1", "nobody"),
            ("255.255.255.255", "nobody"),
            ("::", "this machine"),
            ("::1", "this machine"),
            ("::127.0.0.1", "a way from IPv6 to IPv4"),
            ("::ffff:127.0.0.1", "a way from IPv6 to IPv4"),
            ("::ffff:8.8.8.8", "a way from IPv6 to IPv4"),
            ("::ffff:0:127.0.0.1", "nobody"),
            ("64:ff9b::7f00:1", "a way from IPv6 to IPv4"),
            ("64:ff9b:1::a00:1", "a way from IPv6 to IPv4"),
            ("100::1", "nobody"),
            ("2001::1", "protocols"),
            ("2001:0:7f00:1::", "protocols"),
            ("2001:db8::1", "documentation"),
            ("2002:7f00:1::", "a way from IPv6 to IPv4"),
            ("2a00:1450::5efe:7f00:1", "a way from IPv6 to IPv4"),
            ("3fff::1", "documentation"),
            ("4000::1", "nobody"),
            ("5f00::1", "nobody"),
            ("fc00::1", "a private network"),
            ("fd00:ec2::254", "a private network"),
            ("fe80::1", "the local link"),
            ("fec0::1", "nobody"),
            ("ff02::1", "many at once"),
        ] {
            assert_eq!(not_public(denied.parse().unwrap()), Some(whose), "{denied}");
        }
    }
}
