using Mamba.Tools.Bench.Output;

namespace Mamba.Tools.Bench.Load;

/// <summary>How far a run is, at a glance. <see cref="Latency"/> covers the run so far.</summary>
internal readonly record struct Tally(bool Sends, bool Receives, long Sent, long Accepted, long Received, Quantiles? Latency);
