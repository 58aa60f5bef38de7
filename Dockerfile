# Two images from one file:
#   docker build --target cpu -t chorus:cpu .     scores with OpenVINO and scikit-learn, reads spreadsheets, speaks to Google Cloud and S3; no torch
#   docker build --target gpu -t chorus:gpu .     the same, and torch for GPUs, training and publishing

FROM python:3.12-slim AS cpu
WORKDIR /app
COPY . .
RUN python -m pip install --no-cache-dir --constraint constraints.txt .[excel,gcp,s3]
RUN useradd --create-home chorus
USER chorus
ENV CHORUS_HOME=/data CHORUS_RUN=/tmp/chorus
CMD ["chorus", "doctor"]

FROM cpu AS gpu
USER root
RUN python -m pip install --no-cache-dir --constraint constraints.txt .[train]
USER chorus
