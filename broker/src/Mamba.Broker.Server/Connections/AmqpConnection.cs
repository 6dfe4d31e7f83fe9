using Mamba.Amqp.Endpoints;
using Mamba.Amqp.Transport;
using Mamba.Broker.Engine;
using Mamba.Broker.Server.Dialects.Artemis;
using Mamba.Broker.Server.Dialects.RabbitMq;
using Mamba.Broker.Server.Links;
using Mamba.Broker.Server.Management;
using Mamba.Broker.Server.Security;
using Mamba.Broker.Server.Transport;

namespace Mamba.Broker.Server.Connections;

/// <summary>
/// One peer: transport, protocol engine, links and transactions. Its turns are the only code that touches any of them.
/// A turn takes in what arrived, publishes it as one batch, applies what other threads posted, fills the output from the
/// queues, and sends. See <c>AmqpConnection.IO.cs</c> for bytes and <c>AmqpConnection.Protocol.cs</c> for what the peer asks.
/// </summary>
internal sealed partial class AmqpConnection : TurnExecutor, IConnectionHandler, ITransportOwner
{
    private readonly ServerContext _server;
    private ByteTransport _transport;
    private readonly ConnectionAdmission.Ticket _ticket;
    private readonly ConnectionEngine _protocol;
    private readonly Mailbox _mailbox;
    private readonly List<SendingLink> _ready = [];
    private readonly List<SendingLink> _limited = [];
    private readonly List<OutboundLink> _settling = [];
    private readonly HashSet<LinkHandler> _links = [];
    private readonly TransactionTable _transactions;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ManagementDesk? _management;
    private ArtemisDesk? _artemis;
    private LinkPairs? _linkPairs;
    private AddressAccess? _access;
    private PublishBatch? _batch;
    private string? _breakCause;
    private bool _broken;
    private bool _gaveBack;
    private bool _hasGivenBack;
    private long _deadline;
    private string _deadlineCause = string.Empty;
    private long _nextTick;
    private long _now;

    public AmqpConnection(long id, ServerContext server, ByteTransport transport, ConnectionAdmission.Ticket ticket)
    {
        Id = id;
        _server = server;
        _transport = transport;
        _ticket = ticket;
        _mailbox = new Mailbox(this);
        _transport.Owner = this;
        Listener = new ListenerContext(transport.LocalEndPoint, transport.RemoteEndPoint, transport.IsTls, transport.ClientCertificate);
        Principal = server.Authenticator.WithoutCredentials(Listener);
        _protocol = new ConnectionEngine(server.SettingsFor(Listener), this);
        _binder = new LinkBinder(this);
        _transactions = new TransactionTable(server, id);
        _nextTick = long.MaxValue;
        SetDeadline(server.Options.OpenDeadline, "no open within the deadline");
    }

    public long Id { get; }

    public ListenerContext Listener { get; }

    /// <summary>Who the peer is; nobody in particular until SASL, or a token, says otherwise.</summary>
    public Principal Principal { get; private set; }

    /// <summary>The peer's container-id, empty before its open.</summary>
    public string ContainerId { get; private set; } = string.Empty;

    public ServerContext Server => _server;

    public TransactionTable Transactions => _transactions;

    /// <summary>What its user may do at which address; null where there are no rules. The turn's own; asking the result is not.</summary>
    public AddressAccess? Access => _server.Permissions.HasRules
        ? _access ??= new AddressAccess(this, _server.Permissions.RulesFor(Principal.Name))
        : null;

    /// <summary>Its business with the management node. The turn's own.</summary>
    public ManagementDesk Management => _management ??= new ManagementDesk(this);

    /// <summary>Its business with the management node as Artemis has it. The turn's own.</summary>
    public ArtemisDesk Artemis => _artemis ??= new ArtemisDesk(this);

    /// <summary>Bytes of requests to nodes of the broker's own that are not begun. The turn's own.</summary>
    public long WaitingRequestBytes { get; set; }

    /// <summary>Its link pairs with /management. The turn's own.</summary>
    public LinkPairs LinkPairs => _linkPairs ??= new LinkPairs(this);

    /// <summary>Completes when the connection is gone and everything it held was given back.</summary>
    public Task Ended => _ended.Task;

    /// <summary>When the connection wants a turn at the latest, in the server's monotonic milliseconds. Read by the ticker.</summary>
    public long NextTick => Volatile.Read(ref _nextTick);

    /// <summary>The wall clock in Unix milliseconds, read once a turn and only when asked for. The turn's own.</summary>
    public long Now => _now != 0 ? _now : _now = _server.Time.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>The batch that collects what this turn publishes.</summary>
    public PublishBatch Batch => _batch ??= PublishBatch.Rent();

    public void Start() => Signal();

    /// <summary>Asks for a turn no later than that. The turn's own.</summary>
    public void WantTickAt(long milliseconds)
    {
        if (milliseconds < _nextTick)
        {
            Volatile.Write(ref _nextTick, milliseconds);
        }
    }

    /// <summary>What other threads have for this connection. Thread-safe for posting.</summary>
    public Mailbox Mail => _mailbox;

    /// <summary>Runs an action in a turn of this connection. Thread-safe.</summary>
    public void Post(Action action) => _mailbox.Post(action);

    /// <summary>Asks for a turn of this link before the current turn ends. The turn's own.</summary>
    public void MarkReady(SendingLink link) => _ready.Add(link);

    /// <summary>Notes a link that can send no more before deliveries are settled. The turn's own.</summary>
    public void WaitForRoom(SendingLink link)
    {
        if (!_limited.Contains(link))
        {
            _limited.Add(link);
        }
    }

    /// <summary>Closes with an error, after a stop of the broker or by an administrator. Thread-safe.</summary>
    public void CloseWith(AmqpError error) => Post(() =>
    {
        if (!_broken)
        {
            _breakCause ??= error.ToString();
            WasSentAway = true;
            _protocol.Close(error);
            SetDeadline(_server.Options.StopTimeout, "the peer did not answer close");
        }
    });

    /// <summary>Cuts the connection without ceremony. Thread-safe.</summary>
    public void Cut(string cause) => Post(() => Break(cause));

    /// <summary>Its links. The turn's own.</summary>
    public IReadOnlyCollection<LinkHandler> Links => _links;

    public void Register(LinkHandler link) => _links.Add(link);

    public void Unregister(LinkHandler link)
    {
        _links.Remove(link);
        ReleaseName(link.Endpoint);
    }

    /// <summary>The link is not, or no longer, one that another connection of the container could take over.</summary>
    public void ReleaseName(LinkEndpoint link) => _server.Connections.ReleaseLink(this, link);

    /// <summary>Link names this connection has, for the registry, under its lock.</summary>
    public HashSet<LinkIdentity> HeldLinks { get; } = [];

    /// <summary>True from the moment it ends; it may still be giving back what it held.</summary>
    public bool IsBroken => _broken || _gaveBack;

    /// <summary>The peer closed because we did: it was not its wish, and it may come back.</summary>
    public bool WasSentAway { get; private set; }

    /// <summary>It has ended, and everything it held is back where it came from. Any thread.</summary>
    public bool HasGivenBack => Volatile.Read(ref _hasGivenBack);

    /// <summary>Bytes written and not on their way yet.</summary>
    public int OutputLength => _protocol.Output.Length;

    /// <summary>Notes a link with settlements that this turn has to hand to the engine.</summary>
    public void MarkSettling(OutboundLink link) => _settling.Add(link);

    protected override void RunTurn()
    {
        if (!_broken)
        {
            Work();
        }

        if (_broken)
        {
            ConcludeMail();
        }
    }

    private void Work()
    {
        _now = 0;
        try
        {
            PumpInput();
            PublishCollected();
            ApplyMail();
            Tick();
            PumpOutput();
        }
        catch (Exception e)
        {
            // A fault of ours must not take the process or another connection with it.
            ServerLog.ConnectionFault(_server.Logger, e, Id);
            Break("internal error");
        }
    }

    /// <summary>Hands what this turn has collected so far to the engine. The turn's own.</summary>
    public void PublishCollected()
    {
        if (_batch is { Count: > 0 } batch)
        {
            _batch = null;
            _server.Engine.Publish(batch);
            _now = 0; // it may have waited for the journal
        }

        // Consumed messages go after published ones: what a peer did in order happens in order.
        for (var i = 0; i < _settling.Count; i++)
        {
            _settling[i].FlushSettlements();
        }

        _settling.Clear();
        FlushForgotten();
    }

    private void ApplyMail()
    {
        while (!_broken && _mailbox.Take() is { } letters)
        {
            foreach (var letter in letters.Published)
            {
                letter.Link.OnResult(letter.Result);
            }

            foreach (var letter in letters.Settled)
            {
                letter.Link.OnSettled(letter.Result);
            }

            foreach (var letter in letters.Committed)
            {
                letter.Transaction.DischargedOn!.OnCommitted(letter.Transaction, letter.Outcome, letter.Reason);
            }

            _ready.AddRange(letters.Ready);

            foreach (var action in letters.Actions)
            {
                action.Run();
            }

            // An action may have let a held-back transfer through.
            PublishCollected();
        }
    }

    /// <summary>What came after the end is for nobody, but for whoever waited for something that is to be given back now.</summary>
    private void ConcludeMail()
    {
        while (_mailbox.Take() is { } letters)
        {
            foreach (var action in letters.Actions)
            {
                if (action.Always)
                {
                    action.Run();
                }
            }
        }
    }

    private void Tick()
    {
        var now = _server.NowMilliseconds;
        if (now < _nextTick)
        {
            return;
        }

        if (now >= _deadline)
        {
            Break(_deadlineCause);
            return;
        }

        _ticked = true;
        _transactions.Expire(now);
        var next = Math.Min(Math.Min(_protocol.Tick(now), _transactions.NextDeadline), ExpireClaims());
        Volatile.Write(ref _nextTick, Math.Min(next, _deadline));
    }

    /// <summary>From now until the deadline is moved again, reaching it ends the connection. One deadline holds at a time.</summary>
    private void SetDeadline(TimeSpan within, string cause)
    {
        _deadline = _server.NowMilliseconds + (long)within.TotalMilliseconds;
        _deadlineCause = cause;
        WantTickAt(_deadline);
    }

    private void ClearDeadline() => _deadline = long.MaxValue;

    /// <summary>The one way a connection ends: the first cause wins, everything it held goes back.</summary>
    private void Break(string cause)
    {
        if (_broken)
        {
            return;
        }

        _broken = true;
        var clean = _protocol.IsClosed && !_protocolFailed;
        ServerLog.ConnectionClosed(_server.Logger, Id, _breakCause ?? cause);
        GiveBack(clean);
        _ticket.Dispose();
        _server.Connections.Remove(this);
        if (_opened)
        {
            _server.Connections.Leave();
        }

        _transport.Dispose();
        ReleaseBuffers();
        _ended.TrySetResult();
    }

    /// <summary>Links, transactions and names: after an orderly close before it is answered, whenever the socket goes.</summary>
    private void GiveBack(bool clean)
    {
        _gaveBack = true;
        foreach (var link in _links)
        {
            link.OnConnectionGone(clean);
        }

        _links.Clear();
        _linkPairs?.OnConnectionGone();
        FlushForgotten();
        BeginExpiry(session: null);
        _transactions.RollBackAll();
        _server.Connections.ReleaseNames(this);
        Volatile.Write(ref _hasGivenBack, true);
    }
}
