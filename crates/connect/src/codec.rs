//! gRPC codecs: requests arrive as raw bytes, so that each call decides where it decodes them;
//! responses are prost messages, or such with a part encoded before.

use std::marker::PhantomData;

use bytes::{Buf, BufMut, Bytes};
use prost::Message;
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

use crate::operation::Reply;

/// Something that goes out.
pub trait Outgoing: Send + 'static {
    fn write(&self, buf: &mut impl BufMut) -> Result<(), prost::EncodeError>;
}

/// A unary answer.
pub struct Answer<M>(pub M);

impl<M: Message + 'static> Outgoing for Answer<M> {
    fn write(&self, buf: &mut impl BufMut) -> Result<(), prost::EncodeError> {
        self.0.encode(buf)
    }
}

impl Outgoing for Reply {
    fn write(&self, buf: &mut impl BufMut) -> Result<(), prost::EncodeError> {
        // Messages that follow each other are read as one.
        self.message.encode(buf)?;
        buf.put(self.tail.clone());
        Ok(())
    }
}

/// Raw bytes in, `T` out.
pub struct RawCodec<T>(PhantomData<fn(T)>);

impl<T> Default for RawCodec<T> {
    fn default() -> Self {
        RawCodec(PhantomData)
    }
}

impl<T: Outgoing> Codec for RawCodec<T> {
    type Encode = T;
    type Decode = Bytes;
    type Encoder = RawCodec<T>;
    type Decoder = RawCodec<T>;

    fn encoder(&mut self) -> Self::Encoder {
        RawCodec::default()
    }

    fn decoder(&mut self) -> Self::Decoder {
        RawCodec::default()
    }
}

impl<T: Outgoing> Encoder for RawCodec<T> {
    type Item = T;
    type Error = Status;

    fn encode(&mut self, item: T, buf: &mut EncodeBuf<'_>) -> Result<(), Status> {
        item.write(buf).map_err(|e| Status::internal(e.to_string()))
    }
}

impl<T: Outgoing> Decoder for RawCodec<T> {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buf: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buf.copy_to_bytes(buf.remaining())))
    }
}
