//! The keep-alive of phones that registered over UDP by RFC 5626 section 8: a STUN Binding request beside SIP, answered
//! with the address that it came from (RFC 5389 sections 6, 7.3 and 15.2). Whether the answer changes tells the phone
//! whether its router has forgotten it.

use std::net::{IpAddr, SocketAddr};

const BINDING_REQUEST: [u8; 2] = [0, 1];
const BINDING_SUCCESS: [u8; 2] = [1, 1];
const XOR_MAPPED_ADDRESS: [u8; 2] = [0, 0x20];
const MAGIC: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
/// Longest request taken, bytes; one that asks for more than its address is no keep-alive.
const REQUEST_MAX: usize = 128;

/// The answer to a Binding request; `None` when it is none.
pub(super) fn answer(bytes: &[u8], from: SocketAddr) -> Option<Vec<u8>> {
    let (head, attributes) = bytes.split_first_chunk::<20>()?;
    let [k0, k1, l0, l1, id @ ..] = head;
    let right = [*k0, *k1] == BINDING_REQUEST
        && usize::from(u16::from_be_bytes([*l0, *l1])) == attributes.len()
        && attributes.len().is_multiple_of(4)
        && bytes.len() <= REQUEST_MAX
        && id.starts_with(&MAGIC);
    if !right {
        return None;
    }
    let (family, address) = match from.ip().to_canonical() {
        IpAddr::V4(ip) => (1, ip.octets().to_vec()),
        IpAddr::V6(ip) => (2, ip.octets().to_vec()),
    };
    let [port_high, port_low] = from.port().to_be_bytes();
    let mut value = vec![0, family, port_high ^ 0x21, port_low ^ 0x12];
    // The magic cookie, and for IPv6 the transaction's id behind it.
    value.extend(address.iter().zip(id).map(|(byte, key)| byte ^ key));
    let length = u16::try_from(value.len()).ok()?;
    let mut out = Vec::with_capacity(44);
    out.extend(BINDING_SUCCESS);
    out.extend((length + 4).to_be_bytes());
    out.extend(id);
    out.extend(XOR_MAPPED_ADDRESS);
    out.extend(length.to_be_bytes());
    out.extend(value);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Vec<u8> {
        let mut bytes = vec![0, 1, 0, 0];
        bytes.extend(MAGIC);
        bytes.extend(*b"\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae");
        bytes
    }

    /// The addresses of RFC 5769 sections 2.2 and 2.3.
    #[test]
    fn a_phone_is_told_its_own_address() {
        let four = answer(&request(), "192.0.2.1:32853".parse().unwrap()).unwrap();
        assert_eq!(four[..4], [1, 1, 0, 12]);
        assert_eq!(four[4..20], request()[4..]);
        assert_eq!(four[20..], *b"\x00\x20\x00\x08\x00\x01\xa1\x47\xe1\x12\xa6\x43");
        let six =
            answer(&request(), "[2001:db8:1234:5678:11:2233:4455:6677]:32853".parse().unwrap()).unwrap();
        assert_eq!(
            six[20..],
            *b"\x00\x20\x00\x14\x00\x02\xa1\x47\x01\x13\xa9\xfa\xa5\xd3\xf1\x79\xbc\x25\xf4\xb5\xbe\xd2\xb9\xd9"
        );
    }

    #[test]
    fn nothing_else_is_answered() {
        let from = "192.0.2.1:1".parse().unwrap();
        for (at, byte) in [(0, 1), (1, 2), (2, 1), (3, 4), (4, 0), (7, 0)] {
            let mut bytes = request();
            bytes[at] = byte;
            assert_eq!(answer(&bytes, from), None, "{at}");
        }
        assert_eq!(answer(&request()[..19], from), None);
        let mut long = request();
        long[3] = 112;
        long.extend([0; 112]);
        assert_eq!(answer(&long, from), None);
        long[3] = 108;
        long.truncate(128);
        assert!(answer(&long, from).is_some());
    }
}
