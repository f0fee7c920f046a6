//! The samples of finished files, compared with the audio that the feeds received.
#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)]

#[path = "support/support.rs"]
mod support;

#[path = "audio/asterisk_module.rs"]
mod asterisk_module;
#[path = "audio/au.rs"]
mod au;
#[path = "audio/baresip.rs"]
mod baresip;
#[path = "audio/baresip_module.rs"]
mod baresip_module;
#[path = "audio/codecs_and_formats.rs"]
mod codecs_and_formats;
#[path = "audio/concealment.rs"]
mod concealment;
#[path = "audio/control.rs"]
mod control;
#[path = "audio/dtmf.rs"]
mod dtmf;
#[path = "audio/feed_limits.rs"]
mod feed_limits;
#[path = "audio/feeds.rs"]
mod feeds;
#[path = "audio/file_tags.rs"]
mod file_tags;
#[path = "audio/fixture.rs"]
mod fixture;
#[path = "audio/freeswitch_module.rs"]
mod freeswitch_module;
#[path = "audio/gstreamer.rs"]
mod gstreamer;
#[path = "audio/host_codecs.rs"]
mod host_codecs;
#[path = "audio/hung_codecs.rs"]
mod hung_codecs;
#[path = "audio/lookback.rs"]
mod lookback;
#[path = "audio/media_socket.rs"]
mod media_socket;
#[path = "audio/opus_files.rs"]
mod opus_files;
#[path = "audio/packet_arrivals.rs"]
mod packet_arrivals;
#[path = "audio/payload_types.rs"]
mod payload_types;
#[path = "audio/player_counts.rs"]
mod player_counts;
#[path = "audio/plugged_codec.rs"]
mod plugged_codec;
#[path = "audio/real_time.rs"]
mod real_time;
#[path = "audio/real_time_rtp.rs"]
mod real_time_rtp;
#[path = "audio/recorded_parts.rs"]
mod recorded_parts;
#[path = "audio/reorder.rs"]
mod reorder;
#[path = "audio/rtp_packets.rs"]
mod rtp_packets;
#[path = "audio/sender_process.rs"]
mod sender_process;
#[path = "audio/senders.rs"]
mod senders;
#[path = "audio/sent_audio.rs"]
mod sent_audio;
#[path = "audio/sip_message.rs"]
mod sip_message;
#[path = "audio/sip_proxy.rs"]
mod sip_proxy;
#[path = "audio/switch_call.rs"]
mod switch_call;
#[path = "audio/write_ahead.rs"]
mod write_ahead;
