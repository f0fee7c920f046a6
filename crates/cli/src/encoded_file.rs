//! Writes samples to a new file of any format.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use callrec::codec::container::{AudioEnd, FileFacts, Length};
use callrec::codec::{EncodedPackets, Encoder, SampleFormat, Shape, Tags, encode_g711};

/// A file that is written. It gets its name when it is finished; until then it has the suffix
/// `.part`, and is removed if it is given up.
pub struct EncodedFile {
    path: PathBuf,
    part: PathBuf,
    file: File,
    shape: Shape,
    tags: Tags,
    encoder: Box<dyn Encoder>,
    header_bytes: u64,
    length: Length,
    /// Frames of the encoder so far, with its delay.
    output: u64,
    samples: Vec<u8>,
    is_finished: bool,
}

impl EncodedFile {
    pub fn create(path: &Path, shape: Shape, tags: Tags) -> io::Result<EncodedFile> {
        // Another process may write the same file.
        let mut part = path.as_os_str().to_owned();
        part.push(format!(".{}.part", std::process::id()));
        let part = PathBuf::from(part);
        let mut file = OpenOptions::new().write(true).create_new(true).open(&part)?;
        let header = shape
            .format
            .container()
            .header(&shape, &tags, Length::default(), None);
        file.write_all(&header)?;
        Ok(EncodedFile {
            path: path.to_owned(),
            part,
            file,
            encoder: shape.format.encoder(&shape),
            shape,
            tags,
            header_bytes: header.len() as u64,
            length: Length::default(),
            output: 0,
            samples: Vec::new(),
            is_finished: false,
        })
    }

    /// Appends samples, the channels interleaved.
    pub fn write(&mut self, samples: &[i16]) -> io::Result<()> {
        let format = self.shape.format.samples();
        self.samples.clear();
        match format {
            SampleFormat::Pcm16 => self
                .samples
                .extend(samples.iter().flat_map(|sample| sample.to_le_bytes())),
            law => self
                .samples
                .extend(samples.iter().map(|sample| encode_g711(law, *sample))),
        }
        let mut packets = EncodedPackets::default();
        self.encoder.encode(&self.samples, &mut packets);
        self.length.frames += (samples.len() / usize::from(self.shape.channels)) as u64;
        let mut bytes = Vec::new();
        self.wrap(&mut packets, &mut bytes)?;
        self.append(&bytes)
    }

    fn wrap(&mut self, packets: &mut EncodedPackets, out: &mut Vec<u8>) -> io::Result<()> {
        if let Some(why) = self.encoder.failure() {
            return Err(io::Error::other(why.to_owned()));
        }
        if packets.list.is_empty() {
            // Formats with frames of one size need no packets.
            out.append(&mut packets.bytes);
            return Ok(());
        }
        let frames = packets.frames();
        let facts = FileFacts {
            shape: &self.shape,
            tags: &self.tags,
        };
        self.shape
            .format
            .container()
            .wrap(&facts, packets, self.output, out);
        self.output += frames;
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.length.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Writes the end, and gives the file its name. An existing file stays unless `replaces`.
    pub fn finish(mut self, replaces: bool) -> io::Result<u64> {
        let container = self.shape.format.container();
        let (mut packets, mut bytes) = (EncodedPackets::default(), Vec::new());
        let trim = self.encoder.finish(&mut packets);
        self.wrap(&mut packets, &mut bytes)?;
        let facts = FileFacts {
            shape: &self.shape,
            tags: &self.tags,
        };
        container.append_end(&facts, trim, self.output, &mut bytes);
        self.append(&bytes)?;
        let end = AudioEnd {
            output: self.output,
            md5: self.encoder.audio_md5(),
        };
        self.file.write_all(&container.trailer(&self.tags, self.length))?;
        let size = self.file.stream_position()?;
        let header = container.header(&self.shape, &self.tags, self.length, Some(&end));
        if header.len() as u64 != self.header_bytes {
            return Err(io::Error::other("the header has changed its size"));
        }
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&header)?;
        self.file.sync_all()?;
        match replaces {
            true => fs::rename(&self.part, &self.path)?,
            false => {
                fs::hard_link(&self.part, &self.path).or_else(|error| match error.kind() {
                    io::ErrorKind::AlreadyExists => Err(error),
                    // Not every file system has links.
                    _ if self.path.exists() => Err(io::ErrorKind::AlreadyExists.into()),
                    _ => fs::rename(&self.part, &self.path),
                })?;
                let _ = fs::remove_file(&self.part);
            }
        }
        self.is_finished = true;
        Ok(size)
    }
}

impl Drop for EncodedFile {
    fn drop(&mut self) {
        if !self.is_finished {
            let _ = fs::remove_file(&self.part);
        }
    }
}
