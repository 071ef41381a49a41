# A double of debian:trixie-slim, which is in a registry that tests do without: what debootstrap makes of the same
# packages.
FROM scratch
ADD debian.tar /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
CMD ["bash"]
