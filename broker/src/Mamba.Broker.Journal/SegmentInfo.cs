namespace Mamba.Broker.Journal;

/// <summary>One segment file of the journal, as it was when asked.</summary>
/// <param name="Number">The segment's number, from 1, rising by one.</param>
/// <param name="FileBytes">Size of the file, unused preallocated space included.</param>
/// <param name="UsedBytes">Bytes from the start of the file to the end of its last record.</param>
/// <param name="IsActive">True for the segment that takes the next records; it cannot be deleted.</param>
public readonly record struct SegmentInfo(int Number, long FileBytes, long UsedBytes, bool IsActive);
