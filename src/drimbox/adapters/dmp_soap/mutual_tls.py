"""TLS towards the DMP: our ORG AUTH_CLI certificate, and no authority but the configured one."""

import ssl

from drimbox.errors import SettingsError
from drimbox.settings.partners import TlsFiles

# AEAD only (N9); TLS 1.3 suites are AEAD by definition.
_TLS_1_2_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


def client_context(files: TlsFiles) -> ssl.SSLContext:
    """Build the context of one establishment.

    Raises:
        SettingsError: a file cannot be read, or the key is not the certificate's.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_TLS_1_2_CIPHERS)
    try:
        context.load_verify_locations(cafile=files.ca_file)
    except OSError as error:
        raise SettingsError(str(files.ca_file), error.strerror or "not a PEM file") from error
    try:
        context.load_cert_chain(files.certificate_file, files.key_file)
    except OSError as error:
        reason = error.strerror or "the certificate and its key"
        raise SettingsError(str(files.certificate_file), reason) from error
    return context
