# One image for all of Airflow's components: the official one, with exactly the packages of `make up` and those of Celery, and our
# code, read-only.
FROM apache/airflow:3.3.2-python3.11 AS sillage

ARG PIP_INDEX_URL
COPY constraints-celery.txt /opt/sillage/constraints-celery.txt
# --no-deps: the list is complete, and pip then refuses what it does not name.
RUN pip install --quiet --no-cache-dir --disable-pip-version-check --no-deps --require-hashes -r /opt/sillage/constraints-celery.txt

# A new volume takes its owner from the folder that it covers.
USER root
RUN install -d -o airflow -g 0 -m 0770 /opt/sillage/home
USER airflow

COPY dags /opt/sillage/dags
COPY plugins /opt/sillage/plugins
COPY expectations /opt/sillage/expectations
COPY dbt_project /opt/sillage/dbt_project
COPY docker /opt/sillage/docker

ENV PYTHONPATH=/opt/sillage/plugins \
    PYTHONDONTWRITEBYTECODE=1 \
    SILLAGE_HOME=/opt/sillage/home \
    DBT_TARGET_PATH=/opt/sillage/home/dbt \
    DBT_LOG_PATH=/opt/sillage/home/logs/dbt \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/sillage/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/sillage/plugins \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    AIRFLOW__USAGE_DATA_COLLECTION__ENABLED=False \
    DBT_SEND_ANONYMOUS_USAGE_STATS=False \
    GX_ANALYTICS_ENABLED=False \
    DO_NOT_TRACK=1 \
    SCARF_ANALYTICS=false

# With Spark, for docker/lake.yml: what the tasks that write the lake, and Spark's master and workers, run.
FROM sillage AS lake
USER root
RUN apt-get update -q && apt-get install -qy --no-install-recommends openjdk-17-jre-headless libpostgresql-jdbc-java \
    && rm -rf /var/lib/apt/lists/* && install -d -o airflow -g 0 -m 0770 /lake
USER airflow
ARG PIP_INDEX_URL
COPY constraints-spark.txt /opt/sillage/constraints-spark.txt
RUN pip install --quiet --no-cache-dir --disable-pip-version-check --no-deps --require-hashes -r /opt/sillage/constraints-spark.txt
USER root
RUN mkdir /opt/sillage/jars && ln -s /usr/share/java/postgresql.jar /opt/sillage/jars/ \
    && ln -s "$(su airflow -s /bin/sh -c "PATH=$PATH python /opt/sillage/docker/spark iceberg")" /opt/sillage/jars/
USER airflow

# Without, which is what is built where no target is named.
FROM sillage
