using System.Buffers;
using Mamba.Amqp.Codec;
using Mamba.Broker.Server.Transport;

namespace Mamba.Broker.Server.Connections;

// Bytes in and out. At most one receive and one send are in flight; their completions cause a turn.
internal sealed partial class AmqpConnection
{
    private const int NotDone = int.MinValue;

    /// <summary>Before open a connection gets little memory; afterwards enough to batch hundreds of small messages.</summary>
    private const int SmallBuffer = 8 * 1024;
    private const int LargeBuffer = 64 * 1024;

    /// <summary>One turn takes in at most this much, so that answers are not held up behind a fast sender.</summary>
    private const int InputPerTurn = 256 * 1024;

    /// <summary>Output above which no more messages are pulled until it is on its way.</summary>
    private const int OutputHighWater = 256 * 1024;

    /// <summary>After the close exchange: how long to wait for the peer to end the stream, and for it to read what is left.</summary>
    private static readonly TimeSpan CloseDeadline = TimeSpan.FromSeconds(2);

    private byte[] _input = [];
    private int _inputStart;
    private int _inputEnd;
    private bool _receiving;
    private bool _waitingForInput;
    private bool _readyToReceive;
    private bool _inputEnded;
    private int _received = NotDone;
    private bool _sending;
    private int _sent = NotDone;
    private bool _shuttingDown;
    private bool _ticked;
    private readonly ByteBuffer _inFlight = new();

    void ITransportOwner.OnReceived(int count)
    {
        Volatile.Write(ref _received, count);
        RunOrSignal();
    }

    void ITransportOwner.OnSent(bool succeeded)
    {
        Volatile.Write(ref _sent, succeeded ? 1 : 0);
        RunOrSignal();
    }

    private void PumpInput()
    {
        var taken = 0;
        while (!_broken && !_inputEnded && !_protocol.IsAwaitingOwner)
        {
            var count = _receiving ? TakeReceived() : StartReceive();
            if (count == ByteTransport.Pending)
            {
                return;
            }

            if (_waitingForInput)
            {
                _waitingForInput = false;
                if (count > 0)
                {
                    continue; // readable: now receive in earnest
                }
            }

            if (count == 0)
            {
                EndOfInput();
                return;
            }

            _inputEnd += count;
            taken += count;
            Consume();
            if (taken >= InputPerTurn)
            {
                Signal();
                return;
            }
        }
    }

    private int TakeReceived()
    {
        var count = Volatile.Read(ref _received);
        if (count == NotDone)
        {
            return ByteTransport.Pending;
        }

        _received = NotDone;
        _receiving = false;
        _readyToReceive = _waitingForInput;
        return count;
    }

    /// <summary>Waits without a buffer where there is nothing to continue, and receives where data is known to be there.</summary>
    private int StartReceive()
    {
        int count;
        if (_transport.CanWaitWithoutBuffer && !_readyToReceive)
        {
            if (_inputStart == _inputEnd)
            {
                ReleaseInput();
            }

            _waitingForInput = true;
            count = _transport.Receive(Memory<byte>.Empty);
        }
        else
        {
            MakeRoom();
            count = _transport.Receive(_input.AsMemory(_inputEnd));
        }

        _receiving = count == ByteTransport.Pending;
        _readyToReceive = !_receiving && (_waitingForInput || count == _input.Length - _inputEnd);
        return count;
    }

    private void Consume()
    {
        if (!_isGreeted && !_protocol.IsClosed && IsHttp())
        {
            return;
        }

        // After the end of the connection the peer may go on talking; nobody listens.
        _inputStart = _protocol.IsClosed ? _inputEnd : _inputStart + _protocol.Receive(_input.AsSpan(_inputStart, _inputEnd - _inputStart));
        if (_inputStart == _inputEnd)
        {
            _inputStart = 0;
            _inputEnd = 0;
        }
    }

    /// <summary>Room behind what is buffered; grows with bytes that really came, never beyond the frame being received.</summary>
    private void MakeRoom()
    {
        var buffered = _inputEnd - _inputStart;
        var wanted = _protocol.IsOpen ? LargeBuffer : SmallBuffer;
        if (_input.Length == 0)
        {
            _input = ArrayPool<byte>.Shared.Rent(wanted);
            return;
        }

        if (_inputStart > 0)
        {
            _input.AsSpan(_inputStart, buffered).CopyTo(_input);
            _inputStart = 0;
            _inputEnd = buffered;
        }

        if (_inputEnd == _input.Length || _input.Length < wanted)
        {
            var grown = ArrayPool<byte>.Shared.Rent(Math.Max(wanted, 2 * buffered));
            _input.AsSpan(0, buffered).CopyTo(grown);
            ArrayPool<byte>.Shared.Return(_input);
            _input = grown;
        }
    }

    private void EndOfInput()
    {
        _inputEnded = true;
        if (!_protocol.IsClosed)
        {
            Break("the peer's connection ended without close");
        }
    }

    private void PumpOutput()
    {
        if (_sending && Volatile.Read(ref _sent) is var sent && sent != NotDone)
        {
            _sent = NotDone;
            _sending = false;
            FinishSend(sent);
        }

        while (!_broken && !_sending)
        {
            FillFromQueues();
            _protocol.FlushDispositions();
            if (_protocol.Output.Length == 0)
            {
                CloseTransportIfDone();
                ReleaseOutput();
                return;
            }

            _inFlight.SwapWith(_protocol.Output);
            FinishSend(_transport.Send(_inFlight.WrittenMemory));
        }

        if (_sending)
        {
            // The peer may read slowly, or not at all: nothing waits for it that others could take.
            _ready.ForEach(static link => link.Decline());
        }
    }

    private void FinishSend(int result)
    {
        if (result == ByteTransport.Pending)
        {
            _sending = true;
            if (_admitted && !_protocol.IsCloseSent && !_protocol.IsClosed)
            {
                SetDeadline(_server.Options.StalledWriterDeadline, "the peer does not read");
            }

            return;
        }

        if (_admitted && !_protocol.IsCloseSent && !_protocol.IsClosed)
        {
            ClearDeadline();
        }

        _inFlight.Clear();
        if (result == 0)
        {
            Break("the connection broke while sending");
        }
    }

    /// <summary>Lets every link with messages and credit write, in turn, until the output is full.</summary>
    private void FillFromQueues()
    {
        WakeLimited();
        var next = 0;
        while (next < _ready.Count && _protocol.Output.Length < OutputHighWater)
        {
            var link = _ready[next++];
            if (link.Pump(OutputHighWater - _protocol.Output.Length))
            {
                _ready.Add(link); // more to do: after the others
            }
        }

        _ready.RemoveRange(0, next);
    }

    /// <summary>Lets the links go on that waited for settlements, of theirs or of the connection's other links.</summary>
    private void WakeLimited()
    {
        for (var i = _limited.Count - 1; i >= 0; i--)
        {
            var link = _limited[i];
            if (link.HasRoom)
            {
                _limited.RemoveAt(i);
                _ready.Add(link);
            }
        }
    }

    /// <summary>After the close exchange is on the wire, ends the stream; the peer's end of stream, or the next tick, ends the rest.</summary>
    private void CloseTransportIfDone()
    {
        if (!_protocol.IsClosed)
        {
            return;
        }

        if (_inputEnded)
        {
            Break("closed");
        }
        else if (!_shuttingDown)
        {
            _shuttingDown = true;
            _ = _transport.ShutdownAsync().AsTask();
        }
    }

    private void ReleaseInput()
    {
        if (_input.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_input);
            _input = [];
        }
    }

    /// <summary>
    /// An idle connection keeps no buffer: with nothing to send or to read at a tick, which comes with the heartbeats, both go back.
    /// Not at every turn: that costs a busy connection more than it saves.
    /// </summary>
    private void ReleaseOutput()
    {
        if (_ticked && _receiving)
        {
            _ticked = false;
            _inFlight.Dispose();
            _protocol.Output.Dispose();
        }
    }

    /// <summary>The send buffer is left to the collector when a send may still be reading it.</summary>
    private void ReleaseBuffers()
    {
        if (!_receiving || _waitingForInput)
        {
            ReleaseInput();
        }

        if (!_sending)
        {
            _inFlight.Dispose();
        }

        _protocol.Dispose();
    }
}
