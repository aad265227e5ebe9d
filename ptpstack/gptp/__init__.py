"""IEEE 802.1AS as sans-I/O machines, one class for each figure of the standard.

What lives here: :class:`~ptpstack.gptp.instance.GptpInstance`, a PTP instance of one domain as end station or relay,
and :class:`~ptpstack.gptp.link_delay_service.LinkDelayService`, the link delay that several of them share (CMLDS).
What does not: sockets, clocks, threads, chance; the engine of IEEE 1588 (``core``), of which this one knows nothing.
"""
