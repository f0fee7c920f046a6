//! The subframe of one channel: RFC 9639, section 9.2.

use super::bit_writer::FlacBitWriter;
use super::fixed;
use super::level::LevelSettings;
use super::linear::{LinearAnalysis, LinearPredictor};
use super::rice::{BlockResidual, RicePartitions};
use super::signal::ChannelSignal;

/// How the samples of a subframe are predicted.
enum Prediction {
    Constant,
    Verbatim,
    Fixed { order: usize },
    Linear(LinearPredictor),
}

impl Prediction {
    /// The number of samples that are stored as they are before the residuals.
    fn order(&self) -> usize {
        match self {
            Prediction::Constant | Prediction::Verbatim => 0,
            Prediction::Fixed { order } => *order,
            Prediction::Linear(predictor) => predictor.order,
        }
    }

    /// The bits before the residuals, without the subframe's header.
    fn bits(&self, sample_bits: u32) -> u64 {
        let order = self.order() as u64;
        let predictor_bits = match self {
            Prediction::Linear(predictor) => 9 + order * u64::from(predictor.precision),
            _ => 0,
        };
        order * u64::from(sample_bits) + predictor_bits
    }

    /// The type in the subframe's header.
    fn code(&self) -> u32 {
        match self {
            Prediction::Constant => 0,
            Prediction::Verbatim => 1,
            Prediction::Fixed { order } => 0b00_1000 | *order as u32,
            Prediction::Linear(predictor) => 0b10_0000 | (predictor.order as u32 - 1),
        }
    }
}

/// A prediction with its residuals.
struct PredictedBlock {
    prediction: Prediction,
    residual: Vec<i32>,
    partitions: RicePartitions,
    /// The estimated size, without the subframe's header.
    bits: u64,
}

impl Default for PredictedBlock {
    fn default() -> PredictedBlock {
        PredictedBlock {
            prediction: Prediction::Verbatim,
            residual: Vec::new(),
            partitions: RicePartitions::NONE,
            bits: 0,
        }
    }
}

impl PredictedBlock {
    /// Predicts a signal in this way.
    fn predict(&mut self, signal: &ChannelSignal, prediction: Prediction, partition_order: u32) {
        match &prediction {
            Prediction::Constant | Prediction::Verbatim => return,
            Prediction::Fixed { order } => fixed::residual(&signal.samples, *order, &mut self.residual),
            Prediction::Linear(predictor) => predictor.residual(&signal.samples, &mut self.residual),
        }
        self.prediction = prediction;
        let (partitions, bits) = self.block(signal).partitions(partition_order);
        self.partitions = partitions;
        self.bits = self.prediction.bits(signal.bits) + bits;
    }

    fn block(&self, signal: &ChannelSignal) -> BlockResidual<'_> {
        BlockResidual {
            residual: &self.residual,
            frames: signal.samples.len(),
            order: self.prediction.order(),
        }
    }
}

/// Writes subframes. It has only buffers from one to the next.
#[derive(Default)]
pub struct SubframeWriter {
    analysis: LinearAnalysis,
    best: PredictedBlock,
    candidate: PredictedBlock,
}

impl SubframeWriter {
    pub fn put(&mut self, signal: &ChannelSignal, level: &LevelSettings, writer: &mut FlacBitWriter<'_>) {
        self.choose(signal, level);
        let best = &self.best;
        writer.put((best.prediction.code() << 1) | u32::from(signal.wasted > 0), 8);
        if signal.wasted > 0 {
            writer.put_unary(signal.wasted - 1);
        }
        let verbatim = match &best.prediction {
            Prediction::Constant => &signal.samples[..1],
            Prediction::Verbatim => &signal.samples,
            predicted => &signal.samples[..predicted.order()],
        };
        for sample in verbatim {
            writer.put_signed(*sample, signal.bits);
        }
        if let Prediction::Linear(predictor) = &best.prediction {
            writer.put(predictor.precision - 1, 4);
            writer.put(predictor.shift, 5);
            for coefficient in &predictor.coefficients[..predictor.order] {
                writer.put_signed(*coefficient, predictor.precision);
            }
        }
        if matches!(best.prediction, Prediction::Fixed { .. } | Prediction::Linear(_)) {
            best.block(signal).put(&best.partitions, writer);
        }
    }

    /// Finds the prediction that needs the fewest bits.
    fn choose(&mut self, signal: &ChannelSignal, level: &LevelSettings) {
        if signal.is_constant() {
            self.best.prediction = Prediction::Constant;
            return;
        }
        let order = fixed::best_order(&signal.sums, signal.samples.len());
        let partition_order = level.partition_order;
        self.best
            .predict(signal, Prediction::Fixed { order }, partition_order);
        let predictors = self.analysis.predictors(&signal.samples, signal.bits, level);
        for predictor in predictors.into_iter().flatten() {
            self.candidate
                .predict(signal, Prediction::Linear(predictor), partition_order);
            if self.candidate.bits < self.best.bits {
                std::mem::swap(&mut self.best, &mut self.candidate);
            }
        }
        // A frame is never larger than its samples.
        let best = &self.best;
        let bits = best.prediction.bits(signal.bits) + best.block(signal).bits(&best.partitions);
        if bits >= signal.samples.len() as u64 * u64::from(signal.bits) {
            self.best.prediction = Prediction::Verbatim;
        }
    }
}
