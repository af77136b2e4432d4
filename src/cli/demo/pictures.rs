//! The wiki's pictures: drawings kept as SVG files, and one that is computed: the rings of a
//! Fresnel lens as a PNG, small enough that its pixels are stored without compression.

/// The picture called `name`, with its media type.
pub(super) fn picture(name: &str) -> Option<(&'static str, Vec<u8>)> {
    let svg = |text: &str| Some(("image/svg+xml", text.as_bytes().to_vec()));
    match name {
        "harbour.svg" => svg(include_str!("images/harbour.svg")),
        "lighthouse.svg" => svg(include_str!("images/lighthouse.svg")),
        "moon.svg" => svg(include_str!("images/moon.svg")),
        "tide.svg" => svg(include_str!("images/tide.svg")),
        "lens.png" => Some(("image/png", lens(160))),
        _ => None,
    }
}

/// The icon that browsers ask for: a PNG in an ICO's envelope of one picture.
pub(super) fn icon() -> Vec<u8> {
    let png = lens(32);
    let length = u32::try_from(png.len()).expect("an icon has a few kilobytes");
    let mut ico = vec![0, 0, 1, 0, 1, 0, 32, 32, 0, 0, 1, 0, 24, 0];
    ico.extend(length.to_le_bytes());
    ico.extend(22u32.to_le_bytes());
    ico.extend(png);
    ico
}

/// The rings of a lens, `side` pixels square.
fn lens(side: u32) -> Vec<u8> {
    let (paper, sea) = ([0xf7, 0xf3, 0xea], [0x1d, 0x5f, 0x80]);
    let centre = f64::from(side - 1) / 2.0;
    let mut rows = Vec::new();
    for y in 0..side {
        // Each row begins with its filter: none.
        rows.push(0);
        for x in 0..side {
            let radius = (f64::from(x) - centre).hypot(f64::from(y) - centre) / centre;
            // Zones of equal area: the k-th ring of a Fresnel lens ends at √k.
            let zone = radius * radius * 9.0;
            rows.extend(if radius <= 1.0 && zone % 2.0 < 1.0 { sea } else { paper });
        }
    }
    png(side, &rows)
}

/// A PNG of 8-bit RGB `rows` (PNG specification, second edition, §5 and §10).
fn png(side: u32, rows: &[u8]) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = [side.to_be_bytes(), side.to_be_bytes()].concat();
    header.extend([8, 2, 0, 0, 0]);
    chunk(&mut file, *b"IHDR", &header);
    chunk(&mut file, *b"IDAT", &zlib(rows));
    chunk(&mut file, *b"IEND", &[]);
    file
}

fn chunk(file: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) {
    let length = u32::try_from(data.len()).expect("a picture has some kilobytes");
    let typed = [&kind[..], data].concat();
    file.extend(length.to_be_bytes());
    file.extend(&typed);
    file.extend(crc32(&typed).to_be_bytes());
}

/// Stored blocks in zlib's envelope (RFC 1950, RFC 1951 §3.2.4).
fn zlib(data: &[u8]) -> Vec<u8> {
    let mut out = vec![0x78, 0x01];
    let blocks: Vec<&[u8]> = data.chunks(usize::from(u16::MAX)).collect();
    for (number, block) in blocks.iter().enumerate() {
        let length = u16::try_from(block.len()).expect("blocks are cut to fit");
        out.push(u8::from(number + 1 == blocks.len()));
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend(*block);
    }
    out.extend(adler32(data).to_be_bytes());
    out
}

/// RFC 1950 §9.
fn adler32(data: &[u8]) -> u32 {
    let (a, b) = data.iter().fold((1, 0), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65521;
        (a, (b + a) % 65521)
    });
    b << 16 | a
}

/// PNG specification, annex D, bit by bit: the pictures are small.
fn crc32(data: &[u8]) -> u32 {
    !data.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_the_published_ones() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(crc32(b"IEND"), 0xAE42_6082);
        assert_eq!(adler32(b"Wikipedia"), 0x11E6_0398);
    }

    #[test]
    fn the_icon_points_at_its_picture() {
        let ico = icon();
        assert_eq!(&ico[22..30], b"\x89PNG\r\n\x1a\n");
        let length = u32::from_le_bytes([ico[14], ico[15], ico[16], ico[17]]);
        assert_eq!(length as usize, ico.len() - 22);
    }
}
